// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"encoding/binary"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Entry and Result are those of ledger.h.
type Entry uint8

const (
	Attempt Entry = iota + 1
	Acked
	Ready
	Start
	End
	FailedPublish
)

type Result uint8

const (
	None Result = iota
	Done
	Failed
	Rejected
	Unexpected
)

const (
	recordSize  = 32
	cannotWrite = 3
)

// Record is one line of a ledger.
type Record struct {
	Sequence    uint64
	Event       EventRef
	Delivery    uint32
	Incarnation uint16
	Kind        Entry
	Result      Result
}

// Ledger appends records, one write each: what Append returned for survives SIGKILL. Safe for concurrent use.
type Ledger struct {
	file *os.File
}

func OpenLedger(path string) (*Ledger, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	return &Ledger{file}, nil
}

// Append states the time and ends the process when the file cannot take the record: going on would make the books lie.
func (l *Ledger) Append(r Record) {
	if _, err := l.file.Write(r.encode(monotonicNow())); err != nil {
		fmt.Fprintln(os.Stderr, "append to the ledger:", err)
		os.Exit(cannotWrite)
	}
}

func (r Record) encode(timeNs int64) []byte {
	b := make([]byte, 0, recordSize)
	b = binary.LittleEndian.AppendUint64(b, uint64(timeNs))
	b = binary.LittleEndian.AppendUint64(b, r.Sequence)
	b = binary.LittleEndian.AppendUint32(b, r.Event.Key)
	b = binary.LittleEndian.AppendUint32(b, r.Event.N)
	b = binary.LittleEndian.AppendUint32(b, r.Delivery)
	b = binary.LittleEndian.AppendUint16(b, r.Incarnation)
	return append(b, byte(r.Kind), byte(r.Result))
}

func decode(b []byte) Record {
	return Record{
		Sequence:    binary.LittleEndian.Uint64(b[8:]),
		Event:       EventRef{binary.LittleEndian.Uint32(b[16:]), binary.LittleEndian.Uint32(b[20:])},
		Delivery:    binary.LittleEndian.Uint32(b[24:]),
		Incarnation: binary.LittleEndian.Uint16(b[28:]),
		Kind:        Entry(b[30]),
		Result:      Result(b[31]),
	}
}

// ReadLedger reads what an earlier life wrote; nothing when there was none.
func ReadLedger(path string) ([]Record, error) {
	bytes, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	var records []Record
	for ; len(bytes) >= recordSize; bytes = bytes[recordSize:] {
		records = append(records, decode(bytes))
	}
	return records, nil
}

// The C++ processes state CLOCK_MONOTONIC; Go's own monotonic clock begins with the process.
func monotonicNow() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		panic(err)
	}
	return now.Nano()
}
