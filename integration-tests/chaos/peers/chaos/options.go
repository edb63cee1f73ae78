// SPDX-License-Identifier: Apache-2.0

package chaos

import "flag"

// Options are those of chaos_consumer and chaos_publisher.
type Options struct {
	URL         string
	LedgerPath  string
	Seed        uint64
	Events      int
	Credit      int
	Incarnation uint16
	Replicas    int
	Obeys       bool
}

func ParseOptions() Options {
	var o Options
	flag.StringVar(&o.URL, "url", "", "the server")
	flag.StringVar(&o.LedgerPath, "ledger", "", "the file that records are appended to")
	flag.Uint64Var(&o.Seed, "seed", 1, "of the run")
	flag.IntVar(&o.Events, "events", 0, "to publish")
	flag.IntVar(&o.Credit, "credit", 1000, "messages in hand, at most")
	incarnation := flag.Uint("incarnation", 0, "number of this process")
	flag.IntVar(&o.Replicas, "replicas", 1, "of the streams")
	flag.BoolVar(&o.Obeys, "obeys", false, "handlers take the milliseconds that standard input says last")
	flag.String("ca-file", "", "ignored: peers speak plaintext")
	flag.Parse()
	o.Incarnation = uint16(*incarnation)
	return o
}
