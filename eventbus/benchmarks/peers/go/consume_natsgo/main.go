// SPDX-License-Identifier: Apache-2.0

// consume_natsgo consumes a filled stream with the jetstream package of nats.go: Consume feeds a pool of 256 goroutines
// by the hash of the aggregate, and each message is acknowledged once it is handled. It keeps the order of every
// aggregate as long as nothing is redelivered: a Nak, an AckWait that runs out, or a second process would break it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"penstock/benchmarks/peers/internal/peer"
)

type settings struct {
	peer.Target
	mode      string
	window    int
	prefetch  int
	handlerUs int
}

func main() {
	var s settings
	s.Flags()
	flag.StringVar(&s.mode, "mode", "pull", "kind of consumer: pull or push")
	flag.IntVar(&s.window, "window", 0, "the consumer's MaxAckPending; 0 is what did best, 65536 or 4096 for push")
	flag.IntVar(&s.prefetch, "prefetch", 5000, "pull: PullMaxMessages")
	flag.IntVar(&s.handlerUs, "handler-us", 0, "how long a handler sleeps, in microseconds")
	peer.Run(func(ctx context.Context) (peer.Result, error) {
		peer.AtLeastOne("prefetch", s.prefetch)
		best, known := map[string]int{"pull": 65536, "push": 4096}[s.mode]
		if !known {
			fmt.Fprintf(os.Stderr, "--mode: %q is neither pull nor push\n", s.mode)
			os.Exit(2)
		}
		if s.window <= 0 {
			s.window = best
		}
		return consume(ctx, s)
	})
}

func consume(ctx context.Context, s settings) (peer.Result, error) {
	conn, err := nats.Connect(s.URL, nats.NoReconnect())
	if err != nil {
		return peer.Result{}, fmt.Errorf("connect to %s: %w", s.URL, err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return peer.Result{}, err
	}
	if err := peer.DeleteConsumer(ctx, js, s.Target); err != nil {
		return peer.Result{}, err
	}
	elapsed, err := run(ctx, js, s)
	if err != nil {
		return peer.Result{}, err
	}
	result := peer.Result{Messages: s.Messages, Seconds: elapsed.Seconds()}
	return result, peer.DeleteConsumer(ctx, js, s.Target)
}

// run returns how long it took from the first message to the last acknowledgement on its way.
func run(ctx context.Context, js jetstream.JetStream, s settings) (time.Duration, error) {
	workers := newPool(s.Messages, time.Duration(s.handlerUs)*time.Microsecond)
	var begun time.Time
	informant, consuming, err := subscribe(ctx, js, s, func(msg jetstream.Msg) {
		if begun.IsZero() {
			begun = time.Now()
		}
		workers.dispatch(msg)
	})
	if err != nil {
		return 0, fmt.Errorf("subscribe: %w", err)
	}
	err = workers.progress.Await()
	err = errors.Join(err, js.Conn().FlushTimeout(peer.Silence))
	ended := time.Now()
	if err != nil {
		return 0, err
	}
	consuming.Stop()
	<-consuming.Closed()
	workers.close()
	return ended.Sub(begun), peer.AwaitAllAcked(ctx, informant, s.Messages)
}

func subscribe(ctx context.Context, js jetstream.JetStream, s settings, handler jetstream.MessageHandler) (
	peer.Informant, jetstream.ConsumeContext, error) {
	config := jetstream.ConsumerConfig{
		Durable:       s.Durable,
		FilterSubject: s.Subject,
		AckPolicy:     jetstream.AckExplicitPolicy,
		MaxAckPending: s.window,
	}
	if s.mode == "push" {
		config.DeliverSubject = nats.NewInbox()
		consumer, err := js.CreateOrUpdatePushConsumer(ctx, s.Stream, config)
		if err != nil {
			return nil, nil, err
		}
		consuming, err := consumer.Consume(handler)
		return consumer, consuming, err
	}
	consumer, err := js.CreateOrUpdateConsumer(ctx, s.Stream, config)
	if err != nil {
		return nil, nil, err
	}
	consuming, err := consumer.Consume(handler, jetstream.PullMaxMessages(s.prefetch),
		jetstream.PullThresholdMessages(s.prefetch/2))
	return consumer, consuming, err
}
