package app

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"echolab/emulator/journal"
)

// exportFormat is one way to write entries, one after the other.
type exportFormat struct {
	name string
	open func(w io.Writer) (write func(*journal.Entry) error, flush func() error, err error)
}

var exportFormats = []exportFormat{
	{"ndjson", openNDJSON},
	{"csv", openCSV},
}

// pageSize is how many entries are in memory at a time. Each page is a query of its own, so that an export that takes long
// does not keep a server from shortening its log. What is deleted meanwhile is therefore missing; Export tells how much.
const pageSize = 500

// Exported is what became of an export: how many entries were written, and how many of those that it would have looked at
// were deleted before it came to them.
type Exported struct{ Written, Gone int64 }

// Export writes the entries that a query picks, oldest first, all of them unless Limit says otherwise. progress, if not
// nil, is called after each page.
func (d *Database) Export(ctx context.Context, w io.Writer, format string, q Query, progress func(written int64, at uint64)) (done Exported, err error) {
	f, err := formatNamed(format)
	if err != nil {
		return done, err
	}
	write, flush, err := f.open(w)
	if err != nil {
		return done, err
	}
	left := int64(q.Limit)
	limited := left > 0
	q.Oldest = true
	if last := d.store.LastSeq(); q.Before == 0 || q.Before > last+1 {
		q.Before = last + 1 // what was there at the start; a busy server would never let it end
	}
	there, err := d.store.CountBetween(ctx, q.App, q.After, q.Before)
	if err != nil {
		return done, err
	}
	looked := int64(0)
	for {
		if q.Limit = pageSize; limited {
			q.Limit = int(min(pageSize, left))
		}
		page, err := d.store.Page(ctx, q)
		if err != nil {
			return done, err
		}
		for i := range page.Entries {
			if err := write(&page.Entries[i]); err != nil {
				return done, err
			}
		}
		done.Written += int64(len(page.Entries))
		left -= int64(len(page.Entries))
		from := q.After
		q = q.Following(page)
		to := q.After + 1
		if !page.More {
			to = q.Before
		}
		n, err := d.store.CountBetween(ctx, q.App, from, to)
		if err != nil {
			return done, err
		}
		looked += n
		if progress != nil {
			progress(done.Written, q.After)
		}
		switch {
		case !page.More:
			done.Gone = max(there-looked, 0)
			return done, flush()
		case limited && left <= 0: // there are as many as were asked for
			return done, flush()
		}
	}
}

// exported is an entry as NDJSON has it, but for the last two fields: data is the payload, null when there was none;
// encoding is text or base64 where data is a string with the payload, and left out where it is the payload itself.
type exported struct {
	ID        string         `json:"id"`
	Seq       uint64         `json:"seq"`
	At        string         `json:"at"`
	Kind      journal.Kind   `json:"kind"`
	Source    journal.Source `json:"source"`
	App       string         `json:"app"`
	Channel   string         `json:"channel"`
	Event     string         `json:"event"`
	Delivered bool           `json:"delivered"`
	Count     int            `json:"count"`
	Socket    string         `json:"socket"`
	User      string         `json:"user"`
	Bytes     int            `json:"bytes"`
	Note      string         `json:"note"`
}

// openNDJSON writes JSON payloads byte for byte as they were received (an encoder would take blanks out). Those that are
// no JSON, or have line ends between their parts, become strings.
func openNDJSON(w io.Writer) (func(*journal.Entry) error, func() error, error) {
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	encode := func(v any) error {
		err := enc.Encode(v)
		line.Truncate(max(line.Len()-1, 0)) // the line end
		return err
	}
	write := func(e *journal.Entry) error {
		line.Reset()
		err := encode(exported{ID: e.ID(), Seq: e.Seq, At: e.At.UTC().Format(stamp), Kind: e.Kind, Source: e.Source, App: e.App, Channel: e.Channel, Event: e.Event,
			Delivered: e.Delivered(), Count: e.Count, Socket: e.Socket, User: e.User, Bytes: e.Bytes, Note: e.Note})
		if err != nil {
			return err
		}
		line.Truncate(line.Len() - len("}"))
		line.WriteString(`,"data":`)
		switch {
		case e.Data == nil:
			line.WriteString("null")
		case !utf8.Valid(e.Data):
			err = encode(base64.StdEncoding.EncodeToString(e.Data))
			line.WriteString(`,"encoding":"base64"`)
		case json.Valid(e.Data) && !bytes.ContainsAny(e.Data, "\r\n"):
			line.Write(e.Data)
		default:
			err = encode(string(e.Data))
			line.WriteString(`,"encoding":"text"`)
		}
		if err != nil {
			return err
		}
		line.WriteString("}\n")
		_, err = w.Write(line.Bytes())
		return err
	}
	return write, func() error { return nil }, nil
}

// stamp is RFC 3339 with microseconds, always six of them, as the control API has it.
const stamp = "2006-01-02T15:04:05.000000Z07:00"

var csvColumns = []string{"seq", "at", "kind", "source", "app", "channel", "event", "delivered", "count", "socket", "user", "bytes", "note", "data", "id", "encoding"}

func openCSV(w io.Writer) (func(*journal.Entry) error, func() error, error) {
	out := csv.NewWriter(w)
	write := func(e *journal.Entry) error {
		data, encoding := string(e.Data), ""
		if harmless(data) != data { // as it was received, or said to be something else
			data, encoding = base64.StdEncoding.EncodeToString(e.Data), "base64"
		}
		return out.Write([]string{
			strconv.FormatUint(e.Seq, 10), e.At.UTC().Format(stamp), e.Kind.String(), e.Source.String(),
			harmless(e.App), harmless(e.Channel), harmless(e.Event), strconv.FormatBool(e.Delivered()), strconv.Itoa(e.Count),
			harmless(e.Socket), harmless(e.User), strconv.Itoa(e.Bytes), harmless(e.Note), data, e.ID(), encoding,
		})
	}
	return write, func() error {
		out.Flush()
		return out.Error()
	}, out.Write(csvColumns)
}

// harmless keeps a spreadsheet from taking a text for a formula, which anybody who may send an event could then have run by
// whoever opens the file: an apostrophe is put before what begins like one (OWASP, CSV injection). Plain numbers stay.
// Payloads that it would change are written in base64 instead.
func harmless(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if text == "" || !strings.ContainsRune("=+-@\t\r\n", rune(text[0])) {
		return text
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil && text[0] == '-' {
		return text
	}
	return "'" + text
}
