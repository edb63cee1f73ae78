// SPDX-License-Identifier: Apache-2.0

// Package peer is what these programs have in common: their command line, their line of output, how far they are, and
// the durable consumer that they work on.
package peer

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Silence is how long a program waits for progress before it fails.
const Silence = 30 * time.Second

// Target is where a program works; every program has these options.
type Target struct {
	URL      string
	Stream   string
	Subject  string
	Durable  string
	Messages uint64
}

// Flags adds --url, --stream, --subject, --durable and --messages to the command line.
func (t *Target) Flags() {
	flag.StringVar(&t.URL, "url", "nats://127.0.0.1:4222", "NATS server")
	flag.StringVar(&t.Stream, "stream", "PEERS", "stream, already filled")
	flag.StringVar(&t.Subject, "subject", "peers.events", "subject of its messages")
	flag.StringVar(&t.Durable, "durable", "peer", "consumer to make; one that exists is replaced")
	flag.Uint64Var(&t.Messages, "messages", 1_000_000, "how many")
}

// Result is what a program prints when its work is done and found right.
type Result struct {
	Messages uint64  `json:"messages"`
	Seconds  float64 `json:"seconds"`
}

// Run parses the command line, does the work, and prints its result as one line of JSON. It ends the process with 1 and
// one line on stderr when the work failed, with 2 when the command line is wrong.
func Run(work func(context.Context) (Result, error)) {
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "unknown argument %q\n", flag.Arg(0))
		os.Exit(2)
	}
	result, err := work(context.Background())
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", filepath.Base(os.Args[0]), err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		os.Exit(1)
	}
}

// AtLeastOne ends the process with 2 unless the option is above zero.
func AtLeastOne(option string, value int) {
	if value < 1 {
		fmt.Fprintf(os.Stderr, "--%s: %d is not above 0\n", option, value)
		os.Exit(2)
	}
}
