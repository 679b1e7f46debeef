package laravel

import (
	"context"

	"echolab/emulator/pusher"
)

// Event is one event of the catalogue (protocol K.4).
type Event struct {
	// Name is the class without its namespace: InvoiceCreated.
	Name string
	// As is broadcastAs(); "" sends the full class name, App\Events\Name.
	As string
	// Channels are wire names with placeholders: private-client.{clientId}.
	Channels []string
	// Payload is a JSON Schema or an example that payloads are drawn from; nil: the built-in factory of that name.
	Payload any
	// Place is where it stands in the file, for messages.
	Place string
}

// Occurrence is one event of the catalogue about to be sent.
type Occurrence struct {
	Event string // name in the catalogue
	// Params fill the placeholders of the channels: clientId, projectId, userId, id …; what is not given is drawn from the
	// entities.
	Params map[string]any
	// Payload is set over the drawn payload, by path: total, invoice.status. With Exact it is the payload.
	Payload Object
	Exact   bool
	Except  string // socket id that is left out (toOthers)
}

// Occur sends an event of the catalogue: the payload is drawn, made what the mode makes of it (protocol K.9), and
// published on its channels, in chunks of 100 as Laravel does. It returns what was published.
func (b *Backend) Occur(ctx context.Context, o Occurrence) ([]pusher.Publication, error) {
	panic("laravel: the catalogue is not there yet")
}
