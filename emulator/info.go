package emulator

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// applicable refuses an info attribute that does not go with the kind of channel, where the profile checks that.
func (c *call) applicable(channel, info string) bool {
	if !c.s.profile.ChecksInfo {
		return true
	}
	kind := c.s.profile.KindOf(channel)
	for _, row := range []struct {
		attribute string
		fits      bool
	}{{"user_count", kind.Presence}, {"subscription_count", !kind.Presence}, {"cache", kind.Cache}} {
		if wants(info, row.attribute) && !row.fits {
			c.refuse(http.StatusBadRequest, "The info attribute "+row.attribute+" does not go with the channel "+short(channel)+".", "")
			return false
		}
	}
	return true
}

func wants(info, attribute string) bool {
	for part := range strings.SplitSeq(info, ",") {
		if part == attribute {
			return true
		}
	}
	return false
}

// info is what a sender may know of one channel; attributes that do not apply are left out
// (laravel/reverb InteractsWithChannelInformation.php).
func (h *hub) info(name, info string) object {
	sh := h.shard(name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	ch := sh.channels[name]
	if ch == nil {
		if wants(info, "occupied") {
			return object{"occupied": false}
		}
		return object{}
	}
	return h.infoLocked(ch, info)
}

func (h *hub) infoLocked(ch *channel, info string) object {
	o := object{}
	if wants(info, "occupied") {
		o["occupied"] = len(ch.subs) > 0
	}
	if wants(info, "user_count") && ch.kind.Presence {
		o["user_count"] = len(ch.members) + min(ch.anonymous, 1)
	}
	if wants(info, "subscription_count") && !ch.kind.Presence {
		o["subscription_count"] = len(ch.subs)
	}
	if wants(info, "cache") && ch.kind.Cache {
		if text := ch.cachedLocked(); text != nil && h.srv.profile.CacheTTL == 0 {
			o["cache"] = json.RawMessage(text)
		} else if text != nil {
			o["cache"] = object{"data": ch.cachedD, "ttl": int(time.Until(ch.expires) / time.Second)}
		} else if h.srv.profile.CacheTTL > 0 {
			o["cache"] = nil
		}
	}
	return o
}

// infos is info for every occupied channel whose name begins with prefix.
func (h *hub) infos(prefix, info string) object {
	all := object{}
	h.everyShard(func(sh *shard) {
		for name, ch := range sh.channels {
			if len(ch.subs) > 0 && strings.HasPrefix(name, prefix) {
				all[name] = h.infoLocked(ch, info)
			}
		}
	})
	return all
}
