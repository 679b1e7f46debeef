package laravel

import (
	"cmp"
	"errors"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// schemaURL is what a schema is called that came from no file. A bare name would be taken for a file of the working folder.
const schemaURL = "event:payload"

// schemaWords says what is wrong with a schema, or with what it describes, by place: /properties/total/type: value must be one of …
func schemaWords(err error) string {
	var none *jsonschema.SchemaValidationError
	if errors.As(err, &none) { // it does not unwrap
		err = none.Err
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return strings.ReplaceAll(err.Error(), schemaURL, "")
	}
	printer := message.NewPrinter(language.English)
	var lines []string
	var leaves func(*jsonschema.ValidationError)
	leaves = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 {
			at := "/" + strings.Join(e.InstanceLocation, "/")
			lines = append(lines, cmp.Or(strings.TrimSuffix(at, "/"), "the top")+": "+e.ErrorKind.LocalizedString(printer))
		}
		for _, cause := range e.Causes {
			leaves(cause)
		}
	}
	leaves(invalid)
	return strings.Join(lines, "; ")
}
