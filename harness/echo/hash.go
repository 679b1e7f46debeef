package echo

import (
	"strconv"

	"echolab/emulator/rawjson"
)

// Hash calls f with each user_id and user_info of presence.hash in pusher_internal:subscription_succeeded, which is valid
// JSON. It copies nothing: both are valid during the call. An array, as PHP writes the members 0, 1 …, has their numbers.
func Hash(hash []byte, f func(id, info []byte)) {
	var key []byte
	if members(hash, func(quoted, info []byte) {
		key = rawjson.Unquote(key[:0], quoted)
		f(key, info)
	}) {
		return
	}
	n := int64(0)
	elements(hash, func(info []byte) {
		key = strconv.AppendInt(key[:0], n, 10)
		f(key, info)
		n++
	})
}
