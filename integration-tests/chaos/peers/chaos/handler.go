// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"os"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The retries of chaos_consumer: the first at once, the second after Penstock's shortest back-off.
const secondRetry = 100 * time.Millisecond

// Handler handles a run's messages as slowly and as badly as the plan says, and keeps the books on it.
type Handler struct {
	options Options
	ledger  *Ledger
	js      jetstream.JetStream
	told    atomic.Int64 // how long a handler takes at least, in ms
}

func NewHandler(o Options, js jetstream.JetStream) (*Handler, error) {
	ledger, err := OpenLedger(o.LedgerPath)
	if err != nil {
		return nil, err
	}
	h := &Handler{options: o, ledger: ledger, js: js}
	if o.Obeys {
		go h.listen()
	}
	return h, nil
}

func (h *Handler) Ready() { h.write(Ready, None, EventRef{}, nil) }

func (h *Handler) Handle(msg jetstream.Msg) {
	meta, err := msg.Metadata()
	if err != nil {
		log.Println("read a message's reply subject:", err)
		return
	}
	event, ok := h.eventOf(msg)
	if !ok {
		h.write(Start, Unexpected, EventRef{}, meta)
		h.giveUp(msg, meta)
		return
	}
	h.write(Start, None, event, meta)
	behaviour := BehaviourAt(h.options.Seed, event, meta.NumDelivered)
	time.Sleep(time.Duration(h.told.Load()) * time.Millisecond)
	switch behaviour {
	case Slow:
		time.Sleep(SlowTime(h.options.Seed, event))
		fallthrough
	case Handle:
		h.write(End, Done, event, meta)
		report("acknowledge", msg.Ack())
	case Reject:
		h.write(End, Rejected, event, meta)
		h.giveUp(msg, meta)
	default: // a Go handler returns what a C++ one throws
		h.write(End, Failed, event, meta)
		h.retry(msg, meta)
	}
}

func (h *Handler) eventOf(msg jetstream.Msg) (EventRef, bool) {
	aggregateID, payload, err := DecodeEnvelope(msg.Data())
	if err != nil {
		return EventRef{}, false
	}
	event, ok := ReadPayload(h.options.Seed, payload)
	return event, ok && aggregateID == KeyName(event.Key)
}

func (h *Handler) retry(msg jetstream.Msg, meta *jetstream.MsgMetadata) {
	if meta.NumDelivered == 1 {
		report("ask for a retry", msg.Nak())
		return
	}
	report("ask for a retry", msg.NakWithDelay(secondRetry))
}

// The letter is stored before the message is terminated, else it could be lost in between.
func (h *Handler) giveUp(msg jetstream.Msg, meta *jetstream.MsgMetadata) {
	letter := &nats.Msg{Subject: deadLetters + "." + Topic, Data: msg.Data(), Header: nats.Header{}}
	letter.Header.Set(nats.MsgIdHdr, fmt.Sprintf("letter-%d", meta.Sequence.Stream))
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	if _, err := h.js.PublishMsg(ctx, letter); err != nil {
		log.Println("store a dead letter:", err)
		report("ask for a retry", msg.NakWithDelay(retryPause))
		return
	}
	report("terminate", msg.Term())
}

func (h *Handler) write(kind Entry, result Result, event EventRef, meta *jetstream.MsgMetadata) {
	record := Record{Event: event, Incarnation: h.options.Incarnation, Kind: kind, Result: result}
	if meta != nil {
		record.Sequence = meta.Sequence.Stream
		record.Delivery = uint32(meta.NumDelivered)
	}
	h.ledger.Append(record)
}

func (h *Handler) listen() {
	var told [8]byte
	for {
		if _, err := io.ReadFull(os.Stdin, told[:]); err != nil {
			return
		}
		h.told.Store(int64(binary.LittleEndian.Uint64(told[:])))
	}
}

func report(what string, err error) {
	if err != nil {
		log.Printf("%s: %v", what, err)
	}
}
