package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/app"
	"echolab/emulator/journal"
)

// asUser sends JSON to the emulated application.
func asUser(base string, user int, path, body string) (status int, err error) {
	r, err := http.NewRequest(http.MethodPost, base+path, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Echolab-User", fmt.Sprint(user))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}

// TestSync_SurvivesKill: what the emulated application has answered outlives kill -9: who is online and where, who looks at
// what, the activity feed and the data versions.
func TestSync_SurvivesKill(t *testing.T) {
	const users, pages = 6, 90 // below what one user may look at
	db := filepath.Join(t.TempDir(), "e.sqlite")
	looked := map[string]bool{}
	at := make([]int, users) // the newest page that was answered
	base, kill := startVictim(t, db)
	var mu sync.Mutex
	var callers sync.WaitGroup
	enough := make(chan struct{})
	for u := range users {
		callers.Go(func() {
			for n := 1; n <= pages; n++ {
				status, err := asUser(base, u+1, "/api/sync/heartbeat", fmt.Sprintf(`{"location":"page %03d"}`, n))
				if err != nil || status != 200 {
					return // it is dead
				}
				mu.Lock()
				at[u] = n
				mu.Unlock()
				if status, err = asUser(base, u+1, "/api/sync/start-viewing", fmt.Sprintf(`{"resource_type":"page","resource_id":%d}`, n)); err != nil || status != 200 {
					return
				}
				mu.Lock()
				if looked[fmt.Sprintf("%d %d", u+1, n)] = true; len(looked) == 150 {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	select {
	case <-enough:
	case <-time.After(20 * time.Second):
		t.Error("the victim answered too little")
	}
	kill()
	callers.Wait()

	r := run(t, map[string]string{"db": db})
	viewers, err := r.Viewers(t.Context(), "page", "")
	require.NoError(t, err)
	for _, v := range viewers {
		delete(looked, fmt.Sprintf("%s %s", v.ID, v.Row))
	}
	assert.Empty(t, looked, "who looked at what was answered")
	online, _, err := r.Online(t.Context())
	require.NoError(t, err)
	require.Len(t, online, users)
	for u, is := range online {
		require.NotNil(t, is.Location)
		if n := 0; assert.NotEmpty(t, *is.Location) && *is.Location != "sync.start-viewing" {
			_, err := fmt.Sscanf(*is.Location, "page %03d", &n)
			require.NoError(t, err, *is.Location)
			assert.GreaterOrEqual(t, n, at[u], "user %d's last place", u+1)
		}
	}
}

// TestSync_AnActivityIsAnEventToo: AddActivity is kept and goes over the wire, to the client that it concerns.
func TestSync_AnActivityIsAnEventToo(t *testing.T) {
	r := run(t, nil)
	added, err := r.AddActivity(t.Context(), app.NewActivity{Type: "project.created", Description: "created a new project", User: "1",
		SubjectType: "project", SubjectID: "7", Metadata: []byte(`{"client_id":5}`)})
	require.NoError(t, err)
	text, err := json.Marshal(added)
	require.NoError(t, err)
	var channels []string
	for _, e := range r.kept(app.Query{Kinds: []journal.Kind{journal.Published}, Oldest: true}) {
		channels = append(channels, e.Channel)
		assert.Equal(t, `App\Events\ActivityFeedUpdated`, e.Event)
		assert.JSONEq(t, `{"activity":`+string(text)+`}`, string(e.Data))
	}
	assert.Equal(t, []string{"private-admin", "private-client.5"}, channels)
	feed, err := r.Activities(t.Context(), app.ActivityFilter{Client: "5"})
	require.NoError(t, err)
	assert.Equal(t, []app.Activity{added}, feed)
	feed, err = r.Activities(t.Context(), app.ActivityFilter{Client: "4"})
	require.NoError(t, err)
	assert.Empty(t, feed)

	for name, n := range map[string]app.NewActivity{
		"an activity needs a type":           {},
		"there is no user with the id 99":    {Type: "x", User: "99"},
		"a subject is a type and an id":      {Type: "x", SubjectType: "project"},
		"the metadata must be a JSON object": {Type: "x", Metadata: []byte(`[]x`)},
	} {
		_, err := r.AddActivity(t.Context(), n)
		assert.ErrorContains(t, err, name)
	}
	_, err = r.Versions(t.Context(), 7, 0)
	assert.ErrorContains(t, err, "Version 7 has never been")
}
