// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"hash/maphash"
	"time"
)

const keyCount = 512

// Patience is how long to wait for the last message before it counts as lost.
const Patience = 5 * time.Minute

// Load is the messages, 512 keys in turn, and the actor each belongs to.
type Load struct {
	options Options
	keys    [keyCount]string
	seed    maphash.Seed
}

// New makes the messages that options ask for.
func New(options Options) *Load {
	l := &Load{options: options, seed: maphash.MakeSeed()}
	for i := range l.keys {
		l.keys[i] = fmt.Sprintf("package-%d", i*7919)
	}
	return l
}

// Key of a producer's message. The pointer lasts as long as the load.
func (l *Load) Key(message int) *string { return &l.keys[message%keyCount] }

// ActorOf hashes the key, anew for every message.
func (l *Load) ActorOf(key string) int {
	return int((maphash.String(l.seed, key) >> 32) * uint64(l.options.Actors) >> 32)
}

// Share is how many messages a producer sends.
func (l *Load) Share(producer int) int {
	share := l.options.Messages / l.options.Producers
	if producer < l.options.Messages%l.options.Producers {
		share++
	}
	return share
}

// Expected is how many messages each actor must get.
func (l *Load) Expected() []int {
	expected := make([]int, l.options.Actors)
	for producer := 0; producer < l.options.Producers; producer++ {
		for m, share := 0, l.Share(producer); m < share; m++ {
			expected[l.ActorOf(l.keys[m%keyCount])]++
		}
	}
	return expected
}

// AwaitLast waits until every actor that has messages to come has told that it has handled them all.
func AwaitLast(expected []int, done <-chan struct{}) error {
	deadline := time.After(Patience)
	for _, share := range expected {
		if share == 0 {
			continue
		}
		select {
		case <-done:
		case <-deadline:
			return fmt.Errorf("await the last message: not handled within %s", Patience)
		}
	}
	return nil
}

// Check fails unless actor has handled exactly what it had to.
func Check(actor, expected, handled int) error {
	if handled == expected {
		return nil
	}
	return fmt.Errorf("check actor %d: handled %d messages instead of %d", actor, handled, expected)
}
