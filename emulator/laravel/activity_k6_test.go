package laravel_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"echolab/emulator/laravel"
	"echolab/emulator/pusher"
)

func created(client, project any) laravel.Activity {
	return laravel.Activity{Type: "project.created", Description: "created a new project", User: &laravel.Person{ID: laravel.IntID(1), Name: "Ada"},
		SubjectType: "project", SubjectID: laravel.IntID(4), Metadata: laravel.Object{{"client_id", client}, {"project_id", project}}}
}

// TestK6_ActivityFeedService_AddActivity: stored, then ActivityFeedUpdated on admin and, where metadata names one, the client.
func TestK6_ActivityFeedService_AddActivity(t *testing.T) {
	for _, c := range []struct {
		name     string
		client   any
		channels []string
	}{
		{"of a client", int64(5), []string{"private-admin", "private-client.5"}},
		{"of a client whose id is text", "acme", []string{"private-admin", "private-client.acme"}},
		{"of nobody", nil, []string{"private-admin"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := openSync(t)
			told := 0
			d.onPublish = func(p pusher.Publication) error {
				told++
				assert.Equal(t, `App\Events\ActivityFeedUpdated`, p.Event)
				assert.Equal(t, c.channels, p.Channels)
				row := d.rows.of(laravel.Activities)["00000000000000000001"]
				require.NotNil(t, row, "it is stored before it is told")
				assert.JSONEq(t, `{"activity":`+string(row)+`}`, p.Data)
				return errors.New("nobody listens")
			}
			added, err := d.b.AddActivity(t.Context(), created(c.client, int64(4)))
			require.NoError(t, err, "an event that cannot be sent is for the log")
			assert.Equal(t, 1, told)
			assert.EqualValues(t, 1, added.ID)
			assert.Equal(t, laravel.Timestamp(noon), added.CreatedAt)
			d.onPublish = nil
			d.kill()
			assert.Equal(t, []laravel.Activity{added}, d.b.Activities(t.Context(), laravel.ActivityQuery{}))
			next, err := d.b.AddActivity(t.Context(), laravel.Activity{Type: "system.cleaned"})
			require.NoError(t, err)
			assert.EqualValues(t, 2, next.ID)
			assert.JSONEq(t, `{"activity":{"id":2,"type":"system.cleaned","description":"","user":null,"subject_type":null,"subject_id":null,"metadata":[],"created_at":`+atNoon+`}}`,
				d.events("ActivityFeedUpdated")[0])
		})
	}
}

func activityIDs(all []laravel.Activity) []int64 {
	found := []int64{}
	for _, a := range all {
		found = append(found, a.ID)
	}
	return found
}

func TestK6_ActivityFeedService_Feeds(t *testing.T) {
	d := openSync(t)
	for n := range 60 {
		_, err := d.b.AddActivity(t.Context(), created(int64(5+n%2), int64(n%3)))
		require.NoError(t, err)
	}
	feed := func(q laravel.ActivityQuery) []int64 { return activityIDs(d.b.Activities(t.Context(), q)) }
	global := feed(laravel.ActivityQuery{})
	require.Len(t, global, 50)
	assert.EqualValues(t, 60, global[0])
	assert.EqualValues(t, 11, global[49])
	assert.Equal(t, []int64{60, 58, 56}, feed(laravel.ActivityQuery{Client: laravel.IntID(6), Limit: 3}))
	assert.Equal(t, []int64{59, 56, 53}, feed(laravel.ActivityQuery{Project: laravel.IntID(1), Limit: 3}))
	assert.Equal(t, []int64{56, 50}, feed(laravel.ActivityQuery{Project: laravel.IntID(1), Client: laravel.IntID(6), Limit: 2}))
	assert.Equal(t, []int64{59, 57}, feed(laravel.ActivityQuery{For: &d.app.Users[1], Limit: 2}), "Ben sees what is Acme's")
	assert.Len(t, feed(laravel.ActivityQuery{Project: laravel.IntID(4)}), 50, "as the subject too")
}

func TestK6_ActivityFeedService_IsBounded(t *testing.T) {
	d := openSync(t, func(a *laravel.Application) { a.History.Activities = 10 })
	for range 25 {
		_, err := d.b.AddActivity(t.Context(), created(int64(5), nil))
		require.NoError(t, err)
	}
	for range 2 { // before and after a kill
		all := activityIDs(d.b.Activities(t.Context(), laravel.ActivityQuery{Limit: 100}))
		require.Len(t, all, 10)
		assert.EqualValues(t, 16, all[9])
		assert.Len(t, d.rows.of(laravel.Activities), 10)
		d.kill()
	}
}

// TestK6_ActivityFeedService_ManyAtOnce: what is told comes in the order of the ids.
func TestK6_ActivityFeedService_ManyAtOnce(t *testing.T) {
	d := openSync(t)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for range 20 {
				_, _ = d.b.AddActivity(t.Context(), created(int64(5), nil))
			}
		})
	}
	all.Wait()
	for n, data := range d.events("ActivityFeedUpdated") {
		require.Contains(t, data, fmt.Sprintf(`{"activity":{"id":%d,`, n+1))
	}
	assert.Len(t, d.rows.of(laravel.Activities), 400)
}

// TestK6_DataSyncService_VersionsGrow: one count over all rows, each number once, also after a kill.
func TestK6_DataSyncService_VersionsGrow(t *testing.T) {
	d := openSync(t)
	var mu sync.Mutex
	given := map[int64]bool{}
	for range 2 {
		var all sync.WaitGroup
		for n := range 10 {
			all.Go(func() {
				last := int64(0)
				for range 10 {
					version, err := d.b.Bump(t.Context(), "projects", laravel.IntID(int64(n)), "updated")
					assert.NoError(t, err)
					assert.Greater(t, version, last)
					last = version
					mu.Lock()
					assert.False(t, given[version])
					given[version] = true
					mu.Unlock()
				}
			})
		}
		all.Wait()
		d.kill()
	}
	page, err := d.b.Versions(t.Context(), 0, 0)
	require.NoError(t, err)
	assert.EqualValues(t, 200, page.Version)
	require.Len(t, page.Changes, 200)
	for n, c := range page.Changes {
		assert.EqualValues(t, n+1, c.Version)
	}
}

// TestK6_DataSyncService_WhoeverHasGoneDoesNotUndoAChange: the row is kept, so its change must not be told to have failed.
func TestK6_DataSyncService_WhoeverHasGoneDoesNotUndoAChange(t *testing.T) {
	d := openSync(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for n := range 50 { // a race that would be lost now and then
		version, err := d.b.Bump(gone, "projects", laravel.IntID(1), "updated")
		require.NoError(t, err)
		require.EqualValues(t, n+1, version)
	}
	assert.Len(t, d.rows.of(laravel.Versions), 50)
}

// TestBackend_ARowThatCannotBeReadIsSaid by table and key.
func TestBackend_ARowThatCannotBeReadIsSaid(t *testing.T) {
	for _, table := range []laravel.Table{laravel.Activities, laravel.Versions, laravel.PresenceRows, laravel.Viewers} {
		d := openSync(t)
		require.NoError(t, d.rows.Write(t.Context(), []laravel.Change{{Table: table, Key: "k", Row: []int{1}}}))
		_, err := laravel.New(t.Context(), laravel.Config{Mode: laravel.Fixed, Store: d.rows, Publish: d.publish}, d.app)
		assert.ErrorContains(t, err, fmt.Sprintf("row k of %s in the store cannot be read", table))
	}
}
