// SPDX-License-Identifier: Apache-2.0

// Package load is what the dispatch programs share: the options, the messages, and the line of results.
package load

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"
)

// Options of a dispatch program. Workers is GOMAXPROCS.
type Options struct {
	Messages, Actors, Inbox, Producers, Workers int
}

// Main runs dispatch on the options of the command line and prints how long its messages took.
func Main(inbox string, dispatch func(Options) (time.Duration, error)) {
	options, err := parse(inbox)
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	}
	if err != nil {
		fail(2, err)
	}
	runtime.GOMAXPROCS(options.Workers)
	elapsed, err := dispatch(options)
	if err != nil {
		fail(1, err)
	}
	fmt.Printf("{\"messages\":%d,\"seconds\":%.6f}\n", options.Messages, elapsed.Seconds())
}

func parse(inbox string) (Options, error) {
	var o Options
	flags := flag.NewFlagSet(os.Args[0], flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.IntVar(&o.Messages, "messages", 5_000_000, "messages in all")
	flags.IntVar(&o.Actors, "actors", 256, "inboxes")
	flags.IntVar(&o.Inbox, "inbox", 1000, inbox)
	flags.IntVar(&o.Producers, "producers", 1, "goroutines that send")
	flags.IntVar(&o.Workers, "workers", 2, "threads that run goroutines, producers too (GOMAXPROCS)")
	if err := flags.Parse(os.Args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(os.Stdout)
			flags.PrintDefaults()
		}
		return o, err
	}
	if flags.NArg() > 0 || min(o.Messages, o.Actors, o.Inbox, o.Producers, o.Workers) < 1 {
		return o, errors.New("read the command line: every option takes a number above 0; see --help")
	}
	return o, nil
}

func fail(code int, err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(code)
}
