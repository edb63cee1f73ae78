// SPDX-License-Identifier: Apache-2.0

// Handles a chaos run's events with one durable pull consumer that all processes share, as nats.go's README shows it.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"penstock/chaos/peers/chaos"
)

func main() {
	options := chaos.ParseOptions()
	nc, js, err := chaos.Connect(options, "nats-go-consumer")
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()
	handler, err := chaos.NewHandler(options, js)
	if err != nil {
		log.Fatal(err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	chaos.EnsureStreams(js, chaos.PlainStream(options), chaos.DeadLetterStream(options))
	for ready := false; ; ready = true {
		consuming := consume(js, options, handler)
		if !ready {
			handler.Ready()
		}
		select {
		case <-consuming.Closed(): // the consumer was deleted; Consume does not make it again
		case <-stop:
			drain(consuming)
			if err := nc.Drain(); err != nil {
				log.Println("drain:", err)
			}
			for !nc.IsClosed() {
				time.Sleep(time.Millisecond)
			}
			return
		}
	}
}

func consume(js jetstream.JetStream, options chaos.Options, handler *chaos.Handler) jetstream.ConsumeContext {
	var consuming jetstream.ConsumeContext
	chaos.UntilDone("consume", func(ctx context.Context) error {
		consumer, err := js.CreateOrUpdateConsumer(ctx, chaos.Stream, jetstream.ConsumerConfig{
			Durable:       chaos.Durable,
			AckPolicy:     jetstream.AckExplicitPolicy,
			AckWait:       30 * time.Second,
			MaxAckPending: options.Credit,
		})
		if err != nil {
			return err
		}
		consuming, err = consumer.Consume(handler.Handle, jetstream.ConsumeErrHandler(logError))
		return err
	})
	return consuming
}

func logError(_ jetstream.ConsumeContext, err error) { log.Println("consume:", err) }

func drain(consuming jetstream.ConsumeContext) {
	closed := consuming.Closed()
	consuming.Drain()
	<-closed
}
