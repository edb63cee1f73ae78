// SPDX-License-Identifier: Apache-2.0

// Handles a chaos run's events as one member of a static partitioned consumer group: of its three instances the server
// pins one, and the others stand by.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/pcgroups"

	"penstock/chaos/peers/chaos"
)

func main() {
	options := chaos.ParseOptions()
	nc, js, err := chaos.Connect(options, "pcgroups-consumer")
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
	chaos.EnsureStreams(js, chaos.KeyedStream(options), chaos.DeadLetterStream(options))
	chaos.UntilDone("make the group", func(ctx context.Context) error {
		_, err := pcgroups.CreateStatic(ctx, js, chaos.Stream, chaos.Group, chaos.Partitions, nil,
			[]string{chaos.Member}, nil)
		return err
	})
	running := &inHand{handle: handler.Handle}
	for ready := false; ; ready = true {
		group := join(js, running)
		if !ready {
			handler.Ready()
		}
		select {
		case err := <-group.Done():
			log.Println("the group has ended:", err)
			time.Sleep(time.Second)
		case <-stop:
			group.Stop()
			<-group.Done()
			running.await()
			if err := nc.FlushTimeout(5 * time.Second); err != nil {
				log.Println("flush:", err)
			}
			return
		}
	}
}

func join(js jetstream.JetStream, running *inHand) pcgroups.ConsumerGroupConsumeContext {
	var group pcgroups.ConsumerGroupConsumeContext
	chaos.UntilDone("join the group", func(context.Context) error {
		var err error
		// Its context must not end: the group's configuration is watched with it.
		group, err = pcgroups.StaticConsume(context.Background(), js, chaos.Stream, chaos.Group, chaos.Member,
			running.Handle, jetstream.ConsumerConfig{
				AckPolicy:     jetstream.AckExplicitPolicy,
				MaxAckPending: 1, // what the library's README asks for where the order of handling matters
			})
		return err
	})
	return group
}
