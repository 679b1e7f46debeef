package cli

import "github.com/spf13/cobra"

// waitTopic is a page of help: how a test waits for an event, in the frameworks that Laravel developers use.
func waitTopic(*shell) *cobra.Command {
	return &cobra.Command{
		Use:   "wait",
		Short: "How a test waits for an event",
		Long: `A test asks a running Echolab for the first event that fits:

  GET http://127.0.0.1:8089/api/events/wait?channel=private-client.5&event=InvoiceCreated&after=SEQ&timeout=5s

It is answered at once when the event has come already after entry SEQ, else when it comes.
After the timeout the answer is the same, also with status 200, but its entry is null and its
note says what came instead:

  {"entry": {"seq": 42, "event": "InvoiceCreated", "data": "{\"id\":7}", "count": 2, …}, "next": 42, "note": ""}
  {"entry": null, "next": 57, "note": "InvoiceCreated on private-client.5 did not come within 5s; this came instead: …"}

Take SEQ before you act: last_seq of /api/status, or next of the answer before. Without after
only what comes from now on counts; the note says when something that fits had come before.
In channel and event * stands for any run of characters;
kind=subscribed waits until a page has subscribed. GET /api/openapi.json describes all of it.

Pest:

  it('tells the client of the invoice', function () {
      $echolab = Http::baseUrl('http://127.0.0.1:8089/api');
      $after = $echolab->get('status')['last_seq'];

      InvoiceCreated::dispatch($invoice);

      $got = $echolab->get('events/wait', ['event' => 'InvoiceCreated', 'after' => $after]);
      expect($got['entry'])->not->toBeNull($got['note'])
          ->and(json_decode($got['entry']['data'])->id)->toBe($invoice->id);
  });

PHPUnit:

  $got = Http::get('http://127.0.0.1:8089/api/events/wait', ['event' => 'InvoiceCreated', 'after' => $after]);
  $this->assertNotNull($got['entry'], $got['note']);

Vitest (Playwright: the same with request.get and await answer.json()):

  const api = 'http://127.0.0.1:8089/api';
  const { last_seq } = await (await fetch(api + '/status')).json();
  await createInvoice();
  const got = await (await fetch(api + '/events/wait?event=InvoiceCreated&after=' + last_seq)).json();
  expect(got.entry, got.note).not.toBeNull();

An application of its own for each worker, so that parallel tests do not hear each other;
the answer has its credentials, the lines for .env and for laravel-echo:

  // Playwright: a fixture with scope 'worker'
  const mine = await (await request.post(api + '/apps')).json();
  await use(mine);                                   // then: &app=${mine.id} in each wait
  await request.delete(api + '/apps/' + mine.id);    // also disconnects who is on it

It lives in memory: when Echolab ends, it is gone. Who waits for its events when it is
removed gets status 410 at once. An id or a key of your own choice ({"id": "worker-1"}) has
letters, digits, '.', '_' and '-' alone.`,
	}
}
