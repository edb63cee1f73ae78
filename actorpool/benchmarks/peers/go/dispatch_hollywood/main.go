// SPDX-License-Identifier: Apache-2.0

// Hollywood 1.0.5, the actor library of the Go system that Penstock supersedes. Its inbox size is only what a mailbox
// starts with: a full one doubles and nothing ever waits, so this runs unbounded. A message whose handler panics is
// skipped and the actor restarted, up to three times.
package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/anthdm/hollywood/actor"

	"penstock/actorpool/benchmarks/peers/internal/load"
)

func main() {
	load.Main("messages a mailbox has room for at first; Hollywood's mailboxes have no bound", dispatch)
}

// counter is an actor. A message is its key, borrowed: a pointer costs no allocation in Hollywood's `any`.
type counter struct {
	expected, handled int
	done              chan<- struct{}
}

func (c *counter) Receive(ctx *actor.Context) {
	if _, ok := ctx.Message().(*string); !ok {
		return
	}
	c.handled++
	if c.handled == c.expected {
		c.done <- struct{}{}
	}
}

func dispatch(options load.Options) (time.Duration, error) {
	engine, err := actor.NewEngine(actor.NewEngineConfig())
	if err != nil {
		return 0, fmt.Errorf("start the engine: %w", err)
	}
	l := load.New(options)
	expected := l.Expected()
	done := make(chan struct{}, options.Actors)
	counters := make([]*counter, options.Actors)
	pids := make([]*actor.PID, options.Actors)
	for i := range pids {
		c := &counter{expected: expected[i], done: done}
		counters[i] = c
		pids[i] = engine.Spawn(func() actor.Receiver { return c }, "counter",
			actor.WithID(strconv.Itoa(i)), actor.WithInboxSize(options.Inbox))
	}
	started := time.Now()
	for producer := 0; producer < options.Producers; producer++ {
		go produce(engine, l, l.Share(producer), pids)
	}
	if err := load.AwaitLast(expected, done); err != nil {
		return 0, err
	}
	elapsed := time.Since(started)
	return elapsed, check(engine, pids, counters)
}

func produce(engine *actor.Engine, l *load.Load, share int, pids []*actor.PID) {
	for m := 0; m < share; m++ {
		key := l.Key(m)
		engine.Send(pids[l.ActorOf(*key)], key)
	}
}

// check stops the actors first, so that their counts hold still.
func check(engine *actor.Engine, pids []*actor.PID, counters []*counter) error {
	for i, pid := range pids {
		<-engine.Poison(pid).Done()
		if err := load.Check(i, counters[i].expected, counters[i].handled); err != nil {
			return err
		}
	}
	return nil
}
