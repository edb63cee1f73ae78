// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Informant is a consumer of either kind.
type Informant interface {
	Info(context.Context) (*jetstream.ConsumerInfo, error)
}

// DeleteConsumer is fine, too, when there is none.
func DeleteConsumer(ctx context.Context, js jetstream.JetStream, target Target) error {
	err := js.DeleteConsumer(ctx, target.Stream, target.Durable)
	if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return fmt.Errorf("delete consumer %q of stream %q: %w", target.Durable, target.Stream, err)
	}
	return nil
}

// AwaitAllAcked asks until the server has delivered the messages and has all their acknowledgements.
func AwaitAllAcked(ctx context.Context, consumer Informant, messages uint64) error {
	for deadline := time.Now().Add(Silence); ; {
		info, err := consumer.Info(ctx)
		if err != nil {
			return fmt.Errorf("look at the consumer: %w", err)
		}
		if info.NumAckPending == 0 && info.Delivered.Consumer >= messages {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("acknowledge: the server delivered %d of %d and still waits for %d acknowledgements",
				info.Delivered.Consumer, messages, info.NumAckPending)
		}
	}
}
