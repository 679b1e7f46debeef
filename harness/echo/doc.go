// Package echo is a browser tab with pusher-js 8.6 and laravel-echo 2.5 in it, without the browser: it sends the same
// requests and frames in the same order at the same times, comes back by the same rules after a loss, and gives listeners
// what Echo gives them. Thousands of clients share an Engine's few event loops; a quiet one holds neither a goroutine nor a
// buffer (on Linux, without TLS). What a page is besides, such as HTTP fallbacks and the back/forward cache, it leaves out.
//
// A client's code runs on its loop, like a page's script in its thread: callbacks and the observer are called there, and
// methods are called there too, through Do (which waits), Post or After, or from a callback. Nothing on a loop may block.
//
//	e := echo.NewEngine(echo.Config{})
//	defer e.Close()
//	opt := &echo.Options{Key: "local-reverb-key", Authorizer: &echo.Signer{App: app}}
//	if err := opt.ForURL("http://127.0.0.1:8080"); err != nil { … }
//	opt.Observer = func(c *echo.Client, n *echo.Notice) { … } // everything that happens, with times
//	c := e.Client(opt, "ada")
//	c.Do(func() {
//		c.Connect()
//		c.Private("client.5").
//			Listen("InvoiceCreated", func(e *echo.Event) { … e.Data() … }).
//			OnError(func(p *echo.Problem) { … })
//		c.Join("online").Here(func(m []echo.Member) { … }).Joining(func(m echo.Member) { … })
//	})
//	c.Post(func() { c.Private("client.5").Whisper("typing", []byte(`{"on":true}`)) })
//
// Channels are let in by an Authorizer: a Signer holds the app's secret, a Session asks a real application's auth endpoint
// as a browser does. Room says beforehand how many clients the limit of open files allows.
//
// Line is the plain connection of one command, which waits where a Client calls back.
package echo
