// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The names are those that names.h gives Penstock, so that the checker finds what it looks for.
const (
	Stream  = "CHAOS_chaos"
	Topic   = "chaos"
	Durable = "chaos"

	deadLetters     = "CHAOS_dead_letters"
	duplicateWindow = 2 * time.Minute
	callTimeout     = 5 * time.Second
	retryPause      = time.Second
)

// Partitions are those of the stream whose subjects have a key.
const Partitions = 16

// Group and Member make pcgroups name its durable "chaos-all".
const (
	Group  = "chaos"
	Member = "all"
)

// Connect keeps trying for ever, now and after each loss of the connection.
func Connect(o Options, name string) (*nats.Conn, jetstream.JetStream, error) {
	nc, err := nats.Connect(o.URL, nats.Name(name), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { log.Println("disconnected:", err) }),
		nats.ReconnectHandler(func(*nats.Conn) { log.Println("reconnected") }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.Println("error:", err) }))
	if err != nil {
		return nil, nil, err
	}
	js, err := jetstream.New(nc)
	return nc, js, err
}

// PlainStream is the topic's stream as Penstock makes it: one subject, the key in a header.
func PlainStream(o Options) jetstream.StreamConfig { return stream(o, Stream, Topic) }

// KeyedStream has the key in its subjects, and the key's partition in front of them as the server stores them.
func KeyedStream(o Options) jetstream.StreamConfig {
	config := stream(o, Stream, Topic+".*")
	config.SubjectTransform = &jetstream.SubjectTransformConfig{
		Source:      Topic + ".*",
		Destination: fmt.Sprintf("{{partition(%d,1)}}.%s.{{wildcard(1)}}", Partitions, Topic),
	}
	return config
}

// DeadLetterStream is where Handler stores poison.
func DeadLetterStream(o Options) jetstream.StreamConfig {
	return stream(o, deadLetters, deadLetters+".>")
}

func stream(o Options, name, subject string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:       name,
		Subjects:   []string{subject},
		Storage:    jetstream.FileStorage,
		Discard:    jetstream.DiscardNew,
		Duplicates: duplicateWindow,
		Replicas:   o.Replicas,
	}
}

// EnsureStreams makes the streams that are missing.
func EnsureStreams(js jetstream.JetStream, configs ...jetstream.StreamConfig) {
	for _, config := range configs {
		UntilDone("make stream "+config.Name, func(ctx context.Context) error {
			_, err := js.CreateStream(ctx, config)
			if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // by Penstock's publisher, with the same subject
				return nil
			}
			return err
		})
	}
}

// UntilDone tries again each second until it worked.
func UntilDone(what string, attempt func(context.Context) error) {
	for {
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		err := attempt(ctx)
		cancel()
		if err == nil {
			return
		}
		log.Printf("%s: %v", what, err)
		time.Sleep(retryPause)
	}
}
