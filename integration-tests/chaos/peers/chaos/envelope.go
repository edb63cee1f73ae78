// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"encoding/binary"
	"errors"
)

// The fields of penstock.v1.Envelope that a run needs (docs/envelope.md).
const (
	fieldEventID      = 1
	fieldAggregateID  = 2
	fieldEventType    = 4
	fieldEventVersion = 5
	fieldPayload      = 13

	wireVarint = 0
	wireBytes  = 2
)

var errNoEnvelope = errors.New("the body is no envelope")

// EncodeEnvelope writes what chaos_publisher publishes for the event, without its time.
func EncodeEnvelope(seed uint64, event EventRef) []byte {
	var b []byte
	b = appendText(b, fieldEventID, EventID(seed, event))
	b = appendText(b, fieldAggregateID, KeyName(event.Key))
	b = appendText(b, fieldEventType, "ChaosHappened")
	b = binary.AppendUvarint(b, fieldEventVersion<<3|wireVarint)
	b = binary.AppendUvarint(b, 1)
	return appendText(b, fieldPayload, Payload(seed, event))
}

// DecodeEnvelope returns the aggregate ID and the payload of a protobuf envelope.
func DecodeEnvelope(body []byte) (aggregateID string, payload []byte, err error) {
	for len(body) > 0 {
		tag, size := binary.Uvarint(body)
		if size <= 0 {
			return "", nil, errNoEnvelope
		}
		number, width := binary.Uvarint(body[size:])
		if width <= 0 {
			return "", nil, errNoEnvelope
		}
		body = body[size+width:]
		switch tag & 7 {
		case wireVarint:
		case wireBytes:
			if number > uint64(len(body)) {
				return "", nil, errNoEnvelope
			}
			switch tag >> 3 {
			case fieldAggregateID:
				aggregateID = string(body[:number])
			case fieldPayload:
				payload = body[:number]
			}
			body = body[number:]
		default:
			return "", nil, errNoEnvelope
		}
	}
	return aggregateID, payload, nil
}

func appendText(b []byte, field uint64, text string) []byte {
	b = binary.AppendUvarint(b, field<<3|wireBytes)
	b = binary.AppendUvarint(b, uint64(len(text)))
	return append(b, text...)
}
