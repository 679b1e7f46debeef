package pusher_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/pusher"
)

func TestParsePublication(t *testing.T) {
	type p = pusher.Publication
	for _, row := range []struct {
		in   string
		want p
	}{
		{`{"name":"a","data":"{}","channels":["x","y","x"]}`, p{Event: "a", Data: "{}", Channels: []string{"x", "y", "x"}}},
		{`{"name":"a","data":"b","channel":"x","socket_id":"1.2","info":""}`, p{Event: "a", Data: "b", Channels: []string{"x"}, Except: "1.2", WantInfo: true}},
		{`{"name":"a","data":"b","channel":"x","info":"user_count"}`, p{Event: "a", Data: "b", Channels: []string{"x"}, Info: "user_count", WantInfo: true}},
		{`{"name":"a","data":"b","channel":"x","channels":["y"]}`, p{Event: "a", Data: "b", Channels: []string{"y"}}},
		{`{"name":"a","data":"b","channel":"x","channels":[]}`, p{Event: "a", Data: "b"}},
		{`{"name":"a","data":"b","channel":"x","channels":""}`, p{Event: "a", Data: "b", Channels: []string{"x"}}},
		{`{"name":"a","data":"b","channels":{"k":"x","l":"y"}}`, p{Event: "a", Data: "b", Channels: []string{"x", "y"}}},
		{`{"name":"a","data":"b","channels":[5,true]}`, p{Event: "a", Data: "b", Channels: []string{"5", "1"}}},
		{`{"name":"0","data":"0","channel":"0"}`, p{Event: "0", Data: "0", Channels: []string{"0"}}},
		{`{"name":"x","data":"x","name":"\u00e9","data":"\"","channel":"x"}`, p{Event: "é", Data: `"`, Channels: []string{"x"}}},
		{` {"name":"pusher:x","data":"b","channel":"x"} `, p{Event: "pusher:x", Data: "b", Channels: []string{"x"}}},
	} {
		got, err := pusher.ParsePublication([]byte(row.in))
		require.NoError(t, err, row.in)
		assert.Equal(t, row.want, got, row.in)
	}
	const (
		name     = "The name field is required."
		data     = "The data field is required."
		channels = "The channels field is required when channel is not present."
		channel  = "The channel field is required when channels is not present."
	)
	for _, row := range []struct {
		in   string
		want pusher.FieldErrors
	}{
		{`{}`, pusher.FieldErrors{"name": {name}, "data": {data}, "channels": {channels}, "channel": {channel}}},
		{`[]`, pusher.FieldErrors{"name": {name}, "data": {data}, "channels": {channels}, "channel": {channel}}},
		{`{"name":" ","data":"\t","channel":"x"}`, pusher.FieldErrors{"name": {name}, "data": {data}}},
		{`{"name":null,"data":[],"channel":"x"}`, pusher.FieldErrors{"name": {name}, "data": {data}}},
		{`{"name":5,"data":{"a":1},"channel":"x"}`, pusher.FieldErrors{"name": {"The name field must be a string."}, "data": {"The data field must be a string."}}},
		{`{"name":"a","data":"b","channel":5}`, pusher.FieldErrors{"channel": {"The channel field must be a string."}}},
		{`{"name":"a","data":"b","channels":"x"}`, pusher.FieldErrors{"channels": {"The channels field must be an array."}}},
		{`{"name":"a","data":"b","channel":"x","channels":null}`, pusher.FieldErrors{"channels": {"The channels field must be an array."}}},
		{`{"name":"a","data":"b","channels":"","channel":""}`, pusher.FieldErrors{"channels": {channels}, "channel": {channel}}},
		{`{"name":"a","data":"b","channel":"x","socket_id":1,"info":[]}`, pusher.FieldErrors{"socket_id": {"The socket id field must be a string."}, "info": {"The info field must be a string."}}},
		{`{"name":"a","data":"b","channel":"x","socket_id":null}`, pusher.FieldErrors{"socket_id": {"The socket id field must be a string."}}},
	} {
		_, err := pusher.ParsePublication([]byte(row.in))
		assert.Equal(t, row.want, err, row.in)
	}
	for _, bad := range []string{``, ` `, `x`, `5`, `"a"`, `null`, `true`, `{"name":"a"`, "{\"name\":\"\xff\"}", `{"name":"a","data":"b","channels":[null]}`, `{"name":"a","data":"b","channels":[["x"]]}`, `{"name":"a","data":"b","channels":[{}]}`} {
		_, err := pusher.ParsePublication([]byte(bad))
		assert.ErrorIs(t, err, pusher.ErrBody, "%q", bad)
	}
}

func TestParseBatch(t *testing.T) {
	got, err := pusher.ParseBatch([]byte(`{"batch":[{"name":"a","data":"1","channel":"x"},{"name":"b","data":"2","channel":"y","socket_id":"1.2","info":"user_count"}]}`))
	require.NoError(t, err)
	assert.Equal(t, []pusher.Publication{
		{Event: "a", Data: "1", Channels: []string{"x"}},
		{Event: "b", Data: "2", Channels: []string{"y"}, Except: "1.2", Info: "user_count", WantInfo: true},
	}, got)
	got, err = pusher.ParseBatch([]byte(`{"batch":{"k":{"name":"a","data":"1","channel":"x"}}}`))
	require.NoError(t, err, "PHP does not tell a list from a map")
	assert.Len(t, got, 1)
	required := func(at string) pusher.FieldErrors {
		return pusher.FieldErrors{
			at + ".name":    {"The " + at + ".name field is required."},
			at + ".data":    {"The " + at + ".data field is required."},
			at + ".channel": {"The " + at + ".channel field is required when channels is not present."},
		}
	}
	for _, row := range []struct {
		in   string
		want error
	}{
		{`{}`, pusher.FieldErrors{"batch": {"The batch field is required."}}},
		{`{"batch":[]}`, pusher.FieldErrors{"batch": {"The batch field is required."}}},
		{`{"batch":null}`, pusher.FieldErrors{"batch": {"The batch field is required."}}},
		{`{"batch":"x"}`, pusher.FieldErrors{"batch": {"The batch field must be an array."}}},
		{`{"batch":5}`, pusher.FieldErrors{"batch": {"The batch field must be an array."}}},
		{`{"batch":[{}]}`, required("batch.0")},
		{`{"batch":[5]}`, required("batch.0")},
		{`{"batch":{"k":[]}}`, required("batch.k")},
		{`{"batch":[{"name":"a","data":"1","channel":"x"},{"name":"a","data":"1","channel":7,"info":1}]}`, pusher.FieldErrors{
			"batch.1.channel": {"The batch.1.channel field must be a string."}, "batch.1.info": {"The batch.1.info field must be a string."}}},
		{`{"channels":["x"],"batch":[{"name":"a","data":"1"}]}`, pusher.ErrBody},
		{`x`, pusher.ErrBody},
		{``, pusher.ErrBody},
		{`5`, pusher.ErrBody},
	} {
		_, err := pusher.ParseBatch([]byte(row.in))
		assert.Equal(t, row.want, err, row.in)
	}
}

// FuzzParsePublication: a body is an event, a list of wrong fields, or no body at all; nothing else.
func FuzzParsePublication(f *testing.F) {
	for _, seed := range []string{
		`{"name":"a","data":"{}","channels":["x","y"],"socket_id":"1.2","info":"user_count"}`, `{"channels":{"0":5}}`, `{"batch":[{"name":"a","data":"1","channel":"x"}]}`,
		`{"batch":{"a":{"name":"","data":[]}}}`, `{"name":"\ud83d\ude00","data":" ","channel":null}`, `[[]]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		one, err := pusher.ParsePublication(b)
		check(t, b, err, one)
		batch, err := pusher.ParseBatch(b)
		if err == nil && len(batch) == 0 {
			t.Fatalf("%q is an empty batch", b)
		}
		for _, p := range batch {
			if len(p.Channels) != 1 {
				t.Fatalf("%q: %+v", b, p)
			}
		}
		check(t, b, err, batch...)
	})
}

func check(t *testing.T, b []byte, err error, events ...pusher.Publication) {
	t.Helper()
	var fields pusher.FieldErrors
	switch {
	case errors.As(err, &fields):
		if len(fields) == 0 || fields.Error() == "" {
			t.Fatalf("%q: refused for nothing", b)
		}
		return
	case errors.Is(err, pusher.ErrBody):
		return
	case err != nil:
		t.Fatalf("%q: %v", b, err)
	}
	for _, p := range events {
		if p.Event == "" || p.Data == "" || p.Info != "" && !p.WantInfo {
			t.Fatalf("%q: %+v", b, p)
		}
		for _, channel := range p.Channels {
			if !pusher.IsJSON(pusher.EventText(p.Event, channel, p.Data)) {
				t.Fatalf("%q: the event's frame is not JSON", b)
			}
		}
	}
}
