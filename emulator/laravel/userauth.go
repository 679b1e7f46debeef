package laravel

import (
	"fmt"
	"net/http"
)

// authenticateUser is /broadcasting/user-auth (PusherBroadcaster::resolveAuthenticatedUser): the answer is JSON under the
// content type of HTML, for Laravel sends the string that the Pusher library gives.
func (b *Backend) authenticateUser(c *call) {
	if c.app.Auth.SignIn.Off {
		c.fail(http.StatusNotFound, "The route broadcasting/user-auth could not be found.")
		return
	}
	if c.user == nil && c.app.Auth.RedirectGuests {
		b.unauthenticated(c)
		return
	}
	book := b.rules(c.app)
	if book.signIn == nil {
		b.serverError(c, fmt.Errorf("%s: the resolver of sign-ins does not compile", c.app.Auth.SignIn.Place))
		return
	}
	data, err := b.newEvaluation(book, c.user).value(book.signIn, nil)
	if err != nil {
		v := b.failed(&channelRule{Channel: Channel{Pattern: "broadcasting/user-auth"}}, err)
		b.log.Warn("the resolver of sign-ins failed", "status", v.status, "error", err)
		c.fail(v.status, v.message)
		return
	}
	if !truthy(data) {
		c.fail(http.StatusForbidden, "")
		return
	}
	fields, _ := c.input() // what cannot be read has no socket_id
	answer, err := b.signUser(data, fields.Get("socket_id"))
	if err != nil {
		b.serverError(c, err)
		return
	}
	c.write(http.StatusOK, "text/html; charset=UTF-8", answer)
}

// signUser checks and signs as Pusher::authenticateUser does. The id keeps its type; pusher-js accepts text alone.
func (b *Backend) signUser(data, socketID any) ([]byte, error) {
	app, ok := b.cfg.App()
	object, isObject := data.(Object)
	socket, isText := phpText(socketID)
	switch {
	case !ok:
		return nil, fmt.Errorf("there is no app whose key could sign")
	case !isObject:
		return nil, fmt.Errorf("%w: the resolver must return an object with an id, not %v", errArgument, data)
	case socketID == nil || !isText:
		return nil, fmt.Errorf("%w: socket_id must be a text", errArgument)
	case !signableSocket.MatchString(socket):
		return nil, fmt.Errorf("%w: invalid socket id %s", errSigning, socket)
	case !truthy(object.Get("id")):
		return nil, fmt.Errorf("%w: user_data has no id, or one that PHP takes for none (%v)", errSigning, object.Get("id"))
	}
	text, err := encodePHP(object)
	if err != nil {
		return nil, err
	}
	return encodePHP(Object{{"auth", app.AuthString(socket + "::user::" + string(text))}, {"user_data", string(text)}})
}
