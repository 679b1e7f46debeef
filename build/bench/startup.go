//go:build linux

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"echolab/app/store"
	"echolab/emulator/journal"
)

// startUp is the time from the start of the process to the first answered connection, on a database of a million events.
func startUp(b *bench) ([]row, error) {
	path := filepath.Join(b.dir, "million.sqlite")
	if err := million(path); err != nil {
		return nil, err
	}
	var fresh, full []time.Duration
	for range b.runs {
		s, err := b.start()
		if err != nil {
			return nil, err
		}
		fresh = append(fresh, s.ready)
		s.stop()
		if s, err = start(b.program, "--db", path); err != nil {
			return nil, err
		}
		full = append(full, s.ready)
		s.stop()
	}
	return []row{
		{"ready, new database", fmt.Sprintf("%d ms", median(fresh).Milliseconds()), ""},
		{"ready, database of a million events", fmt.Sprintf("%d ms", median(full).Milliseconds()), ""},
	}, nil
}

// million writes a database of a million events.
func million(path string) error {
	s, err := store.Open(store.Options{Path: path})
	if err != nil {
		return err
	}
	j := journal.New(journal.Options{})
	s.Attach(j)
	kept := make(chan error, 1)
	go func() { kept <- s.Follow(context.Background(), j) }()
	data := []byte(`{"id":42,"invoice_number":"INV-0042","total":"1250.00","pad":"` + strings.Repeat("x", 120) + `"}`)
	for i := range 1_000_000 {
		if err := j.Admit(context.Background()); err != nil {
			return err
		}
		j.Append(journal.Entry{Kind: journal.Published, Source: journal.HTTP, App: "client-portal", Event: "InvoiceCreated",
			Channel: fmt.Sprintf("private-client.%d", i%1000), Data: data, Count: i % 3, Bytes: len(data)})
	}
	j.Close()
	if err := <-kept; err != nil {
		return err
	}
	return s.Close()
}
