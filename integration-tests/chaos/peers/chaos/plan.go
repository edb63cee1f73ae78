// SPDX-License-Identifier: Apache-2.0

// Package chaos is what the peers of a chaos run share: its events, ledgers and handlers, as event_plan.h and ledger.h
// have them.
package chaos

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"
)

const keys = 2000

// EventRef is one event: the Nth of its key, counted from 1.
type EventRef struct {
	Key, N uint32
}

// Behaviour of a handler at one attempt of one event.
type Behaviour int

const (
	Handle Behaviour = iota
	Slow
	Fail
	Throw
	Reject
)

type salt uint64

const (
	saltPayload salt = iota + 1
	saltBehaviour
	saltTwice
	saltSlow
)

func mix(x uint64) uint64 { // splitmix64
	x += 0x9e3779b97f4a7c15
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb
	return x ^ (x >> 31)
}

func hash(seed uint64, event EventRef, s salt) uint64 {
	place := uint64(event.Key)<<32 | uint64(event.N)
	return mix(mix(mix(seed)^place) ^ uint64(s))
}

// Events are all events of a run, in the order of publishing.
func Events(seed uint64, count int) []EventRef {
	shares := make([]float64, keys)
	sum := 0.0
	for k := range shares {
		sum += 1 / float64(k+1)
		shares[k] = sum
	}
	for k := range shares {
		shares[k] /= sum
	}
	random := newMersenne(seed)
	counts := make([]uint32, keys)
	events := make([]EventRef, count)
	for i := range events {
		drawn := float64(random.next()>>11) / (1 << 53)
		key := min(sort.Search(keys, func(k int) bool { return shares[k] > drawn }), keys-1)
		counts[key]++
		events[i] = EventRef{uint32(key), counts[key]}
	}
	return events
}

func KeyName(key uint32) string { return fmt.Sprintf("key-%d", key) }

func EventID(seed uint64, event EventRef) string {
	return fmt.Sprintf("chaos-%d-%d-%d", seed, event.Key, event.N)
}

func Payload(seed uint64, event EventRef) string {
	return fmt.Sprintf("chaos %d %d %d", event.Key, event.N, hash(seed, event, saltPayload))
}

// ReadPayload reads what Payload wrote with the same seed; false for any other bytes.
func ReadPayload(seed uint64, payload []byte) (EventRef, bool) {
	var event EventRef
	if !strings.HasPrefix(string(payload), "chaos ") {
		return event, false
	}
	if _, err := fmt.Sscanf(string(payload), "chaos %d %d", &event.Key, &event.N); err != nil {
		return EventRef{}, false
	}
	if event.Key >= keys || event.N == 0 || !slices.Equal(payload, []byte(Payload(seed, event))) {
		return EventRef{}, false
	}
	return event, true
}

// BehaviourAt says how a handler behaves; attempts count from 1.
func BehaviourAt(seed uint64, event EventRef, attempt uint64) Behaviour {
	drawn := hash(seed, event, saltBehaviour) % 10_000
	if drawn < 2 {
		return Reject
	}
	if drawn < 102 {
		return Slow
	}
	badAttempts := uint64(1)
	if hash(seed, event, saltTwice)%4 == 0 {
		badAttempts = 2
	}
	switch {
	case drawn >= 222 || attempt > badAttempts:
		return Handle
	case drawn < 122:
		return Throw
	default:
		return Fail
	}
}

// SlowTime is how long a slow one takes.
func SlowTime(seed uint64, event EventRef) time.Duration {
	return time.Duration(2+hash(seed, event, saltSlow)%19) * time.Millisecond
}
