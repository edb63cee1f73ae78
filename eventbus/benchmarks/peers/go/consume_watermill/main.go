// SPDX-License-Identifier: Apache-2.0

// consume_watermill consumes a filled stream with watermill's JetStream subscriber, the one its authors recommend for
// production, with explicit acknowledgements. It keeps no order of keys: each of its subscribers has one message in
// hand at a time, so a single one handles the whole stream in sequence until the first redelivery, and several share
// the messages out without regard to keys.
package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"penstock/benchmarks/peers/internal/peer"
)

type settings struct {
	peer.Target
	subscribers int
	window      int
}

func main() {
	var s settings
	s.Flags()
	flag.IntVar(&s.subscribers, "subscribers", 1, "watermill's SubscribersCount, a queue group when above 1")
	flag.IntVar(&s.window, "window", 4096, "the consumer's MaxAckPending")
	peer.Run(func(ctx context.Context) (peer.Result, error) {
		peer.AtLeastOne("subscribers", s.subscribers)
		peer.AtLeastOne("window", s.window)
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
	if err := makeConsumer(ctx, js, s); err != nil {
		return peer.Result{}, err
	}
	elapsed, err := run(ctx, js, conn, s)
	if err != nil {
		return peer.Result{}, err
	}
	result := peer.Result{Messages: s.Messages, Seconds: elapsed.Seconds()}
	return result, peer.DeleteConsumer(ctx, js, s.Target)
}

// makeConsumer makes it before watermill does, whose several subscribers would each try to.
func makeConsumer(ctx context.Context, js jetstream.JetStream, s settings) error {
	_, err := js.CreateOrUpdatePushConsumer(ctx, s.Stream, jetstream.ConsumerConfig{
		Durable:        s.Durable,
		FilterSubject:  s.Subject,
		AckPolicy:      jetstream.AckExplicitPolicy,
		MaxAckPending:  s.window,
		DeliverSubject: nats.NewInbox(),
		DeliverGroup:   group(s),
	})
	if err != nil {
		return fmt.Errorf("make consumer %q of stream %q: %w", s.Durable, s.Stream, err)
	}
	return nil
}

func group(s settings) string {
	if s.subscribers == 1 {
		return ""
	}
	return s.Durable
}

// run returns how long it took from the first message until the server had every acknowledgement: watermill sends those
// behind the caller's back, so asking is the only way to know.
func run(ctx context.Context, js jetstream.JetStream, conn *nats.Conn, s settings) (time.Duration, error) {
	subscriber, err := wmnats.NewSubscriberWithNatsConn(conn, wmnats.SubscriberSubscriptionConfig{
		SubscribersCount: s.subscribers,
		QueueGroupPrefix: group(s),
		JetStream: wmnats.JetStreamConfig{
			SubscribeOptions: []nats.SubOpt{nats.Bind(s.Stream, s.Durable), nats.ManualAck()},
			AckAsync:         true, // as every other peer here; watermill waits for the server's answer otherwise
			DurablePrefix:    s.Durable,
		},
	}, watermill.NopLogger{})
	if err != nil {
		return 0, err
	}
	messages, err := subscriber.Subscribe(ctx, s.Subject)
	if err != nil {
		return 0, fmt.Errorf("subscribe: %w", err)
	}
	begun, err := handle(messages, s.Messages)
	if err != nil {
		return 0, err
	}
	consumer, err := js.PushConsumer(ctx, s.Stream, s.Durable)
	if err != nil {
		return 0, err
	}
	if err := peer.AwaitAllAcked(ctx, consumer, s.Messages); err != nil {
		return 0, err
	}
	return time.Since(begun), nil
}

// handle takes the messages and returns when the first one came.
func handle(messages <-chan *message.Message, count uint64) (time.Time, error) {
	var begun time.Time
	silence := time.NewTimer(peer.Silence)
	defer silence.Stop()
	for handled := range count {
		select {
		case msg, open := <-messages:
			if !open {
				return begun, fmt.Errorf("consume: the subscription ended after %d of %d messages", handled, count)
			}
			if handled == 0 {
				begun = time.Now()
			}
			msg.Ack()
			silence.Reset(peer.Silence)
		case <-silence.C:
			return begun, fmt.Errorf("consume: only %d of %d messages came", handled, count)
		}
	}
	return begun, nil
}
