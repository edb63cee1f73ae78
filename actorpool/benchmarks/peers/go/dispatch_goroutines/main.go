// SPDX-License-Identifier: Apache-2.0

// A goroutine per actor, each behind a buffered channel. A panic ends the whole program.
package main

import (
	"time"

	"penstock/actorpool/benchmarks/peers/internal/load"
)

func main() {
	load.Main("messages an inbox holds before its senders wait", dispatch)
}

func dispatch(options load.Options) (time.Duration, error) {
	l := load.New(options)
	expected := l.Expected()
	done := make(chan struct{}, options.Actors)
	counts := make([]chan int, options.Actors)
	inboxes := make([]chan string, options.Actors)
	for i := range inboxes {
		inboxes[i], counts[i] = make(chan string, options.Inbox), make(chan int, 1)
		go handle(inboxes[i], expected[i], done, counts[i])
	}
	started := time.Now()
	for producer := 0; producer < options.Producers; producer++ {
		go produce(l, l.Share(producer), inboxes)
	}
	if err := load.AwaitLast(expected, done); err != nil {
		return 0, err
	}
	elapsed := time.Since(started)
	for i, inbox := range inboxes {
		close(inbox)
		if err := load.Check(i, expected[i], <-counts[i]); err != nil {
			return 0, err
		}
	}
	return elapsed, nil
}

func produce(l *load.Load, share int, inboxes []chan string) {
	for m := 0; m < share; m++ {
		key := *l.Key(m)
		inboxes[l.ActorOf(key)] <- key
	}
}

func handle(inbox <-chan string, expected int, done chan<- struct{}, count chan<- int) {
	handled := 0
	for range inbox {
		handled++
		if handled == expected {
			done <- struct{}{}
		}
	}
	count <- handled
}
