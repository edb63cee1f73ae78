// SPDX-License-Identifier: Apache-2.0

// Publishes a chaos run's events to a subject for each key, since pcgroups partitions by subject and Penstock publishes
// a topic to one. One event of a key at a time is on its way, as with Penstock.
package main

import (
	"context"
	"encoding/binary"
	"io"
	"log"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"penstock/chaos/peers/chaos"
)

const (
	shards     = 64
	queued     = 256
	ackTimeout = 5 * time.Second
	retryPause = 250 * time.Millisecond
)

type publisher struct {
	options chaos.Options
	js      jetstream.JetStream
	ledger  *chaos.Ledger
	shards  [shards]chan chaos.EventRef
	done    sync.WaitGroup
}

func main() {
	options := chaos.ParseOptions()
	past, err := chaos.ReadLedger(options.LedgerPath)
	if err != nil {
		log.Fatal(err)
	}
	ledger, err := chaos.OpenLedger(options.LedgerPath)
	if err != nil {
		log.Fatal(err)
	}
	nc, js, err := chaos.Connect(options, "keyed-publisher")
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()
	chaos.EnsureStreams(js, chaos.KeyedStream(options))
	p := &publisher{options: options, js: js, ledger: ledger}
	p.start()
	events := chaos.Events(options.Seed, options.Events)
	next := p.publishBacklog(events, past)
	for next < len(events) {
		allowed, err := readLeave()
		if err != nil {
			log.Fatal("publish: the driver is gone")
		}
		for ; next < min(int(allowed), len(events)); next++ {
			p.write(chaos.Attempt, events[next], 0)
			p.queue(events[next])
		}
	}
	p.finish()
}

func (p *publisher) start() {
	for i := range p.shards {
		p.shards[i] = make(chan chaos.EventRef, queued)
		p.done.Add(1)
		go p.work(p.shards[i])
	}
}

func (p *publisher) finish() {
	for _, shard := range p.shards {
		close(shard)
	}
	p.done.Wait()
}

// publishBacklog queues what an earlier life attempted and saw no acknowledgement of; returns how many it attempted.
func (p *publisher) publishBacklog(events []chaos.EventRef, past []chaos.Record) int {
	acked := map[chaos.EventRef]bool{}
	attempted := 0
	for _, record := range past {
		switch record.Kind {
		case chaos.Attempt:
			attempted++
		case chaos.Acked:
			acked[record.Event] = true
		}
	}
	for _, event := range events[:attempted] {
		if !acked[event] {
			p.queue(event)
		}
	}
	return attempted
}

func (p *publisher) queue(event chaos.EventRef) { p.shards[event.Key%shards] <- event }

func (p *publisher) work(shard <-chan chaos.EventRef) {
	defer p.done.Done()
	for event := range shard {
		for !p.publish(event) {
			time.Sleep(retryPause)
		}
	}
}

func (p *publisher) publish(event chaos.EventRef) bool {
	ctx, cancel := context.WithTimeout(context.Background(), ackTimeout)
	defer cancel()
	msg := &nats.Msg{
		Subject: chaos.Topic + "." + chaos.KeyName(event.Key),
		Data:    chaos.EncodeEnvelope(p.options.Seed, event),
		Header:  nats.Header{},
	}
	msg.Header.Set(nats.MsgIdHdr, chaos.EventID(p.options.Seed, event))
	ack, err := p.js.PublishMsg(ctx, msg)
	if err != nil {
		log.Println("publish:", err)
		p.write(chaos.FailedPublish, event, 0)
		return false
	}
	p.write(chaos.Acked, event, ack.Sequence)
	return true
}

func (p *publisher) write(kind chaos.Entry, event chaos.EventRef, sequence uint64) {
	p.ledger.Append(chaos.Record{Sequence: sequence, Event: event, Incarnation: p.options.Incarnation, Kind: kind})
}

// readLeave waits for the number of events that may have been begun.
func readLeave() (uint64, error) {
	var number [8]byte
	if _, err := io.ReadFull(os.Stdin, number[:]); err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(number[:]), nil
}
