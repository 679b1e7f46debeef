package harness

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// MaxResultBytes is the largest result that ReadResult takes; a run of an hour with a hundred series has a tenth of it.
const MaxResultBytes = 256 << 20

// WriteResult writes a result as ReadResult reads it: one JSON document with its histograms, so that it can be merged and
// compared later.
func WriteResult(w io.Writer, r *Result) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	return e.Encode(r)
}

// ReadResult reads a result.json. It refuses what is no result, what a newer Echolab wrote, what is larger than
// MaxResultBytes, and histograms that are not what this package writes. Members that it does not know are left out.
func ReadResult(from io.Reader) (*Result, error) {
	text, err := io.ReadAll(io.LimitReader(from, MaxResultBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > MaxResultBytes {
		return nil, fmt.Errorf("larger than %d MiB: no result of a run", MaxResultBytes>>20)
	}
	var head struct {
		Version *int `json:"version"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, fmt.Errorf("no result of a run: %w; expected a result.json as 'echolab run --out DIR' writes it", located(text, err))
	}
	switch {
	case head.Version == nil || *head.Version < 1:
		return nil, errors.New("no result of a run: it has no version; expected a result.json as 'echolab run --out DIR' writes it (summary.json is another file)")
	case *head.Version > ResultVersion:
		return nil, fmt.Errorf("written by a newer Echolab (version %d, this one reads up to %d); update Echolab", *head.Version, ResultVersion)
	}
	r := new(Result)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("no result of a run: %w", located(text, err))
	}
	return r, r.check()
}

// located adds the line to an error of the JSON reader.
func located(text []byte, err error) error {
	offset := int64(-1)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &kind):
		offset = kind.Offset
	}
	if offset < 0 || offset > int64(len(text)) {
		return err
	}
	return fmt.Errorf("line %d: %w", 1+bytes.Count(text[:offset], []byte("\n")), err)
}

// check refuses series that could not be joined or shown. Names that this Echolab does not know stay: they are shown.
func (r *Result) check() error {
	for i := range r.Metrics {
		m := &r.Metrics[i]
		if m.Kind != Trend {
			continue
		}
		if m.Count > 0 && m.Histogram == "" {
			return fmt.Errorf("%s has %d values and no histogram", m.Name, m.Count)
		}
		if m.Histogram == "" {
			continue
		}
		h, err := decodeChecked(m.Histogram)
		if err != nil {
			return fmt.Errorf("%s: its histogram cannot be read: %w", m.Name, err)
		}
		if h.TotalCount() != m.Count {
			return fmt.Errorf("%s: its histogram holds %d values, its count says %d", m.Name, h.TotalCount(), m.Count)
		}
	}
	return nil
}

// decodeChecked decodes a histogram from a file that anybody may have written.
func decodeChecked(text string) (h *hdrhistogram.Histogram, err error) {
	defer func() {
		if trouble := recover(); trouble != nil { // the library trusts lengths that it reads
			h, err = nil, fmt.Errorf("damaged: %v", trouble)
		}
	}()
	h, err = hdrhistogram.Decode([]byte(text))
	switch {
	case err != nil:
		return nil, err
	case h == nil:
		return nil, errors.New("empty")
	case h.LowestTrackableValue() != 1 || h.HighestTrackableValue() != histogramMax || h.SignificantFigures() != histogramDigits:
		return nil, fmt.Errorf("its range is %d to %d with %d digits, not 1 to %d with %d", h.LowestTrackableValue(), h.HighestTrackableValue(),
			h.SignificantFigures(), histogramMax, histogramDigits)
	}
	return h, nil
}
