// SPDX-License-Identifier: Apache-2.0

// consume_jxt publishes events with jxt-core, Penstock's predecessor, and consumes them as its users do: SubscribeEnvelope
// on a topic of a file stream that the bus makes itself, with its pool of 256 actors, all as its public API has it. The
// bus takes a topic's messages one at a time, so that the order of every aggregate is kept until one is redelivered.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ChenBigdata421/jxt-core/sdk/pkg/eventbus"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"penstock/benchmarks/peers/internal/peer"
)

// underWay is how many publishes wait for their answers: the bus drops answers when 100,000 have not been taken.
const underWay = 4096

type settings struct {
	peer.Target
	keys      int
	handlerUs int
}

func main() {
	var s settings
	s.Flags()
	flag.IntVar(&s.keys, "keys", 1000, "how many aggregates")
	flag.IntVar(&s.handlerUs, "handler-us", 0, "how long a handler sleeps, in microseconds")
	peer.Run(func(ctx context.Context) (peer.Result, error) {
		peer.AtLeastOne("keys", s.keys)
		return consume(ctx, s)
	})
}

func consume(ctx context.Context, s settings) (peer.Result, error) {
	bus, err := open(s)
	if err != nil {
		return peer.Result{}, err
	}
	if err := publish(ctx, bus, s); err != nil {
		return peer.Result{}, errors.Join(err, bus.Close())
	}
	result, err := run(ctx, bus, s)
	return result, errors.Join(err, bus.Close())
}

// run returns how long it took from the first event to the last one handled.
func run(ctx context.Context, bus eventbus.EventBus, s settings) (peer.Result, error) {
	handler := &handler{
		pause:    time.Duration(s.handlerUs) * time.Microsecond,
		progress: peer.NewProgress(s.Messages),
		last:     make(map[string]int64),
	}
	if err := bus.SubscribeEnvelope(ctx, s.Subject, handler.handle); err != nil {
		return peer.Result{}, fmt.Errorf("subscribe: %w", err)
	}
	if err := handler.progress.Await(); err != nil {
		return peer.Result{}, err
	}
	result := peer.Result{Messages: s.Messages, Seconds: time.Since(handler.started_at).Seconds()}
	return result, awaitAllAcked(ctx, s)
}

// open keeps the bus's log, which goes to standard output, out of what this program prints.
func open(s settings) (eventbus.EventBus, error) {
	nowhere, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	stdout := os.Stdout
	os.Stdout = nowhere
	defer func() { os.Stdout = stdout }()
	bus, err := eventbus.NewEventBus(&eventbus.EventBusConfig{
		Type: "nats",
		NATS: eventbus.NATSConfig{
			URLs:     []string{s.URL},
			ClientID: "consume_jxt",
			JetStream: eventbus.JetStreamConfig{
				Enabled:        true,
				PublishTimeout: peer.Silence,
				Stream: eventbus.StreamConfig{
					Name: s.Stream, Subjects: []string{s.Subject}, Retention: "limits", Storage: "file", Replicas: 1,
				},
				Consumer: eventbus.NATSConsumerConfig{
					DurableName: s.Durable, DeliverPolicy: "all", AckPolicy: "explicit", ReplayPolicy: "instant",
				},
			},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("open the event bus: %w", err)
	}
	return bus, nil
}

// publish returns once every event is in the stream. An event's version counts those of its aggregate, from 1.
func publish(ctx context.Context, bus eventbus.EventBus, s settings) error {
	payload := []byte(`{"note":"` + strings.Repeat("x", 100) + `"}`)
	unanswered := 0
	for i := range s.Messages {
		aggregate := "order-" + strconv.FormatUint(i%uint64(s.keys), 10)
		version := int64(i/uint64(s.keys)) + 1
		envelope := eventbus.NewEnvelopeWithAutoID(aggregate, "Placed", version, payload)
		if err := bus.PublishEnvelope(ctx, s.Subject, envelope); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
		if unanswered++; unanswered < underWay {
			continue
		}
		if err := awaitAnswer(bus); err != nil {
			return err
		}
		unanswered--
	}
	for range unanswered {
		if err := awaitAnswer(bus); err != nil {
			return err
		}
	}
	return nil
}

func awaitAnswer(bus eventbus.EventBus) error {
	select {
	case result := <-bus.GetPublishResultChannel():
		if !result.Success {
			return fmt.Errorf("publish: %w", result.Error)
		}
		return nil
	case <-time.After(peer.Silence):
		return errors.New("publish: not every event was answered")
	}
}

type handler struct {
	pause    time.Duration
	progress *peer.Progress

	mutex sync.Mutex
	begun time.Time
	last  map[string]int64
}

func (h *handler) handle(_ context.Context, envelope *eventbus.Envelope) error {
	h.begin()
	time.Sleep(h.pause)
	if err := h.note(envelope); err != nil {
		h.progress.Failed(err)
	} else {
		h.progress.Handled()
	}
	return nil
}

func (h *handler) begin() {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.started_at.IsZero() {
		h.started_at = time.Now()
	}
}

func (h *handler) note(envelope *eventbus.Envelope) error {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	last := h.last[envelope.AggregateID]
	h.last[envelope.AggregateID] = envelope.EventVersion
	if envelope.EventVersion != last+1 {
		return fmt.Errorf("consume: event %d of %q came after %d", envelope.EventVersion, envelope.AggregateID, last)
	}
	return nil
}

// awaitAllAcked asks the server for the consumer that the bus made for its topic.
func awaitAllAcked(ctx context.Context, s settings) error {
	conn, err := nats.Connect(s.URL, nats.NoReconnect())
	if err != nil {
		return fmt.Errorf("connect to %s: %w", s.URL, err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	durable := s.Durable + "-unified_" + strings.ReplaceAll(s.Subject, ".", "_")
	consumer, err := js.Consumer(ctx, s.Stream, durable)
	if err != nil {
		return fmt.Errorf("look for consumer %q: %w", durable, err)
	}
	return peer.AwaitAllAcked(ctx, consumer, s.Messages)
}
