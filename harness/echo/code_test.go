package echo_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"echolab/harness/echo"
)

func TestCall_SubscribesToTheNameOnTheWire(t *testing.T) {
	for channel, code := range map[string]string{
		"portal":                      "Echo.channel('portal')",
		"private-client.5":            "Echo.private('client.5')",
		"private-App.Models.User.7":   "Echo.private('App.Models.User.7')",
		"private-cache-rates":         "Echo.private('cache-rates')",
		"presence-presence-project.1": "Echo.join('presence-project.1')",
		"private-encrypted-vault.9":   "Echo.encryptedPrivate('vault.9')",
		"privateer":                   "Echo.channel('privateer')",
		"it's":                        `Echo.channel('it\'s')`,
	} {
		assert.Equal(t, code, echo.Call(channel))
	}
}

func TestHearing_IsWhatEventNameUndoes(t *testing.T) {
	for _, row := range []struct {
		options                 echo.Options
		event, method, argument string
		asked                   string // what EventName is given
	}{
		{event: "InvoiceCreated", method: "listen", argument: `'.InvoiceCreated'`, asked: ".InvoiceCreated"},
		{event: `App\Events\InvoiceCreated`, method: "listen", argument: `'InvoiceCreated'`, asked: "InvoiceCreated"},
		{event: `App\Events\Billing\Paid`, method: "listen", argument: `'Billing\\Paid'`, asked: `Billing\Paid`},
		{event: `App\Events\v1.5`, method: "listen", argument: `'\\App\\Events\\v1.5'`, asked: `\App\Events\v1.5`},
		{event: `App\Events\`, method: "listen", argument: `''`, asked: ""},
		{event: `Domain\Billing\Paid`, method: "listen", argument: `'\\Domain\\Billing\\Paid'`, asked: `\Domain\Billing\Paid`},
		{event: `Illuminate\Notifications\Events\BroadcastNotificationCreated`, method: "notification"},
		{event: "client-typing", method: "listenForWhisper", argument: `'typing'`, asked: ".client-typing"},
		{event: ".odd", method: "listen", argument: `'..odd'`, asked: "..odd"},
		{event: "it's\n", method: "listen", argument: `'.it\'s\n'`, asked: ".it's\n"},
		{options: echo.Options{Namespace: "Domain.Billing"}, event: `Domain\Billing\Paid`, method: "listen", argument: `'Paid'`, asked: "Paid"},
		{options: echo.Options{NoNamespace: true}, event: "InvoiceCreated", method: "listen", argument: `'.InvoiceCreated'`, asked: ".InvoiceCreated"},
	} {
		method, argument := row.options.Hearing(row.event)
		assert.Equal(t, row.method, method, row.event)
		assert.Equal(t, row.argument, argument, row.event)
		if row.method != "notification" {
			assert.Equal(t, row.event, row.options.EventName(row.asked))
		}
	}
}
