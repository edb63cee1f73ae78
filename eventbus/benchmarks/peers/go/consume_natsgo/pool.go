// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"penstock/benchmarks/peers/internal/peer"
)

const (
	workers = 256
	inbox   = 1000

	aggregateHeader = "Penstock-Aggregate-Id"
)

// pool handles messages of one key one after the other, and of different keys at the same time: what users of nats.go
// write themselves when they need it.
type pool struct {
	inboxes  [workers]chan jetstream.Msg
	pause    time.Duration
	progress *peer.Progress
}

func newPool(messages uint64, pause time.Duration) *pool {
	p := &pool{pause: pause, progress: peer.NewProgress(messages)}
	for i := range p.inboxes {
		p.inboxes[i] = make(chan jetstream.Msg, inbox)
		go p.work(p.inboxes[i])
	}
	return p
}

// dispatch blocks while the inbox of the message's key is full, which holds up all other keys.
func (p *pool) dispatch(msg jetstream.Msg) {
	hash := fnv.New32a()
	hash.Write([]byte(msg.Headers().Get(aggregateHeader)))
	p.inboxes[hash.Sum32()%workers] <- msg
}

func (p *pool) close() {
	for _, c := range p.inboxes {
		close(c)
	}
}

func (p *pool) work(messages <-chan jetstream.Msg) {
	last := make(map[string]uint64)
	for msg := range messages {
		if err := p.handle(msg, last); err != nil {
			p.progress.Failed(err)
		} else {
			p.progress.Handled()
		}
	}
}

func (p *pool) handle(msg jetstream.Msg, last map[string]uint64) error {
	key := msg.Headers().Get(aggregateHeader)
	sequence := streamSequence(msg.Reply())
	if sequence <= last[key] {
		return fmt.Errorf("consume: sequence %d of %q came after %d", sequence, key, last[key])
	}
	last[key] = sequence
	if p.pause > 0 {
		time.Sleep(p.pause)
	}
	if err := msg.Ack(); err != nil {
		return fmt.Errorf("acknowledge: %w", err)
	}
	return nil
}

// streamSequence reads $JS.ACK.<stream>.<consumer>.<delivered>.<stream sequence>..., which is cheaper than
// msg.Metadata. Newer servers may put domain and account before the stream, and then the whole has 11 tokens or more.
func streamSequence(reply string) uint64 {
	position := 5
	if strings.Count(reply, ".") >= 10 {
		position = 7
	}
	for range position {
		_, rest, found := strings.Cut(reply, ".")
		if !found {
			return 0
		}
		reply = rest
	}
	token, _, _ := strings.Cut(reply, ".")
	sequence, err := strconv.ParseUint(token, 10, 64)
	if err != nil {
		return 0
	}
	return sequence
}
