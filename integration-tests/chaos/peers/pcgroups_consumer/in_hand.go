// SPDX-License-Identifier: Apache-2.0

package main

import (
	"sync"

	"github.com/nats-io/nats.go/jetstream"
)

// inHand knows whether a handler runs: the library's Stop does not wait for it.
type inHand struct {
	handle  func(jetstream.Msg)
	mutex   sync.Mutex
	stopped bool
}

func (i *inHand) Handle(msg jetstream.Msg) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	if !i.stopped {
		i.handle(msg)
	}
}

// await returns when no handler runs, and none will.
func (i *inHand) await() {
	i.mutex.Lock()
	i.stopped = true
	i.mutex.Unlock()
}
