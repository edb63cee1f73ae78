// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"fmt"
	"sync/atomic"
	"time"
)

// Progress is how far the handlers of a program are. All its methods may be called from any goroutine.
type Progress struct {
	messages uint64
	handled  atomic.Uint64
	outcome  chan error
}

func NewProgress(messages uint64) *Progress {
	return &Progress{messages: messages, outcome: make(chan error, 1)}
}

// Handled counts one message.
func (p *Progress) Handled() {
	if p.handled.Add(1) == p.messages {
		p.finish(nil)
	}
}

// Failed ends the wait with what went wrong.
func (p *Progress) Failed(err error) {
	p.finish(err)
}

// finish keeps the first outcome.
func (p *Progress) finish(err error) {
	select {
	case p.outcome <- err:
	default:
	}
}

// Await returns once every message is handled, or what went wrong, Silence without any message included.
func (p *Progress) Await() error {
	ticker := time.NewTicker(Silence)
	defer ticker.Stop()
	for seen := uint64(0); ; {
		select {
		case err := <-p.outcome:
			return err
		case <-ticker.C:
			handled := p.handled.Load()
			if handled == seen {
				return fmt.Errorf("consume: only %d of %d messages came", handled, p.messages)
			}
			seen = handled
		}
	}
}
