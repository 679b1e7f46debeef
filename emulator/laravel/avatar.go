package laravel

import (
	"fmt"
	"hash/fnv"
	"html"
	"net/http"
	"strings"
)

// avatar draws a user's initials on a colour that follows from the id, so that pictures need no other server.
func (b *Backend) avatar(c *call) {
	id, found := strings.CutSuffix(c.r.PathValue("file"), ".svg")
	for i := range c.app.Users {
		u := &c.app.Users[i]
		if !found || u.ID.String() != id {
			continue
		}
		hue := fnv.New32a()
		_, _ = hue.Write([]byte(id)) // a hash takes everything
		head := c.w.Header()
		head.Set("Content-Type", "image/svg+xml")
		head.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		fmt.Fprintf(c.w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96"><rect width="96" height="96" fill="hsl(%d 55%% 38%%)"/>`+
			`<text x="48" y="50" fill="#fff" font-family="system-ui,sans-serif" font-size="40" text-anchor="middle" dominant-baseline="central">%s</text></svg>`,
			hue.Sum32()%360, html.EscapeString(initials(u.Name)))
		return
	}
	c.fail(http.StatusNotFound, "")
}
