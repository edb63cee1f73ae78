// SPDX-License-Identifier: Apache-2.0

// compare NAME=REPORT...: sets the findings of chaos runs side by side, as a Markdown table. A report that is no file is
// the reason why there is none.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"
)

type count struct {
	Elsewhere int `json:"elsewhere"`
	AcrossCut int `json:"across_route_cut"`
}

func (c count) String() string { return fmt.Sprint(c.Elsewhere + c.AcrossCut) }

// report is what penstock-chaos --json prints of a run on a cluster.
type report struct {
	Servers         []string `json:"servers"`
	Seed            uint64   `json:"seed"`
	Events          int      `json:"events"`
	Faults          int      `json:"faults_injected"`
	Lost            int      `json:"lost"`
	Unexpected      int      `json:"unexpected"`
	StoredTwice     int      `json:"stored_twice"`
	Inversions      int      `json:"publish_inversions"`
	AfterFailure    int      `json:"publish_inversions_after_failure"`
	BegunAfterLater count    `json:"begun_after_later"`
	Overlaps        count    `json:"overlaps"`
	InOneProcess    count    `json:"concurrent_in_process"`
	Killed          int      `json:"consumer_crashes"`
	EndedThemselves int      `json:"ended_by_themselves"`
	Stalls          []string `json:"stalls"`
	Seconds         float64  `json:"seconds"`
	Reruns          reruns   `json:"reruns"`
	absent          string
}

type reruns struct {
	OwnerStayed   count `json:"owner_stayed"`
	LivingOwner   count `json:"living_owner"`
	CutOffOwner   count `json:"cut_off_owner"`
	AfterCrash    int   `json:"after_crash"`
	AfterDeletion int   `json:"after_deletion"`
}

var rows = []struct {
	name string
	of   func(report) string
}{
	{"lost", func(r report) string { return fmt.Sprint(r.Lost) }},
	{"unexpected", func(r report) string { return fmt.Sprint(r.Unexpected) }},
	{"stored twice", func(r report) string { return fmt.Sprint(r.StoredTwice) }},
	{"publish order", func(r report) string {
		return fmt.Sprintf("%d, %d after a failed publish", r.Inversions, r.AfterFailure)
	}},
	{"begun after a later one of its key", func(r report) string { return r.BegunAfterLater.String() }},
	{"overlaps of one key in two processes", func(r report) string { return r.Overlaps.String() }},
	{"side by side in one process", func(r report) string { return r.InOneProcess.String() }},
	{"handled again: nobody else had handled anything", func(r report) string { return r.Reruns.OwnerStayed.String() }},
	{"handled again: the other process lived", func(r report) string { return r.Reruns.LivingOwner.String() }},
	{"handled again: the other process was cut off", func(r report) string { return r.Reruns.CutOffOwner.String() }},
	{"handled again: the other process was killed", func(r report) string { return fmt.Sprint(r.Reruns.AfterCrash) }},
	{"handled again: the durable was deleted", func(r report) string { return fmt.Sprint(r.Reruns.AfterDeletion) }},
	{"processes killed, by plan or after a standstill", func(r report) string { return fmt.Sprint(r.Killed) }},
	{"processes that ended by themselves", func(r report) string { return fmt.Sprint(r.EndedThemselves) }},
	{"standstills of 20 s", func(r report) string { return fmt.Sprint(len(r.Stalls)) }},
	{"seconds", func(r report) string { return fmt.Sprintf("%.0f", r.Seconds) }},
}

func main() {
	var names []string
	var reports []report
	for _, arg := range os.Args[1:] {
		name, file, _ := strings.Cut(arg, "=")
		one, err := read(file)
		if err != nil {
			log.Fatal(err)
		}
		names = append(names, name)
		reports = append(reports, one)
	}
	for i, one := range reports {
		if one.absent != "" {
			fmt.Printf("%s: absent, %s\n", names[i], one.absent)
			continue
		}
		fmt.Printf("%s: nats-server %s, seed %d, %d events, %d faults\n", names[i], strings.Join(one.Servers, ", "),
			one.Seed, one.Events, one.Faults)
	}
	fmt.Printf("\n| finding | %s |\n|%s\n", strings.Join(names, " | "), strings.Repeat(" --- |", len(names)+1))
	for _, row := range rows {
		fmt.Printf("| %s |", row.name)
		for _, one := range reports {
			if one.absent != "" {
				fmt.Print(" absent |")
				continue
			}
			fmt.Printf(" %s |", row.of(one))
		}
		fmt.Println()
	}
}

func read(file string) (report, error) {
	var one report
	bytes, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return report{absent: file}, nil
	}
	if err != nil {
		return one, err
	}
	if err := json.Unmarshal(bytes, &one); err != nil {
		return one, fmt.Errorf("read %s: %w", file, err)
	}
	return one, nil
}
