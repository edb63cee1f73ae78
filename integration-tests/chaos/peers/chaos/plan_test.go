// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// What event_plan.cc says for some events: its own test reads the same file.
func TestEventPlanIsThatOfTheCppProcesses(t *testing.T) {
	file, err := os.Open("testdata/event_plan.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	plans := map[uint64][]EventRef{}
	lines := 0
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		if !strings.HasPrefix(scanner.Text(), "#") {
			check(t, scanner.Text(), plans)
			lines++
		}
	}
	if lines == 0 {
		t.Error("no vectors")
	}
}

func check(t *testing.T, line string, plans map[uint64][]EventRef) {
	t.Helper()
	var seed uint64
	var place int
	var event EventRef
	var behaviours string
	var slowMs int
	if _, err := fmt.Sscan(line, &seed, &place, &event.Key, &event.N, &behaviours, &slowMs); err != nil {
		t.Fatal(line, err)
	}
	if plans[seed] == nil {
		plans[seed] = Events(seed, 40_000)
	}
	if got := plans[seed][place]; got != event {
		t.Errorf("%s: the plan has %v", line, got)
	}
	for i, digit := range behaviours {
		if got := BehaviourAt(seed, event, uint64(i+1)); got != Behaviour(digit-'0') {
			t.Errorf("%s: attempt %d is %v", line, i+1, got)
		}
	}
	if got := SlowTime(seed, event); got != time.Duration(slowMs)*time.Millisecond {
		t.Errorf("%s: takes %v", line, got)
	}
	payload := []byte(line[strings.Index(line, "chaos "):])
	if got, ok := ReadPayload(seed, payload); !ok || got != event {
		t.Errorf("%s: the payload reads as %v, %v", line, got, ok)
	}
	if _, ok := ReadPayload(seed, append(payload, '0')); ok {
		t.Errorf("%s: read with a digit too many", line)
	}
	id, body, err := DecodeEnvelope(EncodeEnvelope(seed, event))
	if err != nil || id != KeyName(event.Key) || !bytes.Equal(body, payload) {
		t.Errorf("%s: its envelope reads as %q, %q, %v", line, id, body, err)
	}
}

func TestRecordHasTheLayoutOfTheLedger(t *testing.T) {
	record := Record{Sequence: 0x0102, Event: EventRef{3, 4}, Delivery: 5, Incarnation: 6, Kind: End, Result: Rejected}
	want := []byte{7, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 6, 0, 5, 3}
	if got := record.encode(7); !bytes.Equal(got, want) {
		t.Errorf("encoded as %v", got)
	}
	if got := decode(want); got != record {
		t.Errorf("decoded as %v", got)
	}
}
