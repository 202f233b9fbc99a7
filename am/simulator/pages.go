package simulator

import (
	"net/http"
	"strconv"
	"strings"
)

// The pages with which Tomcat answers requests that never reach AM, as measured on OpenAM 16.0.5.
const (
	pageHead = `<!doctype html><html lang="en"><head><title>HTTP Status STATUS</title><style type="text/css">body {font-family:Tahoma,Arial,sans-serif;} h1, h2, h3, b {color:white;background-color:#525D76;} h1 {font-size:22px;} h2 {font-size:16px;} h3 {font-size:14px;} p {font-size:12px;} a {color:black;} .line {height:1px;background-color:#525D76;border:none;}</style></head><body><h1>HTTP Status STATUS</h1><hr class="line" />`
	pageFoot = `<hr class="line" /><h3>Apache Tomcat/10.1.60 (Debian)</h3></body></html>`

	pageNotFound = `<p><b>Type</b> Status Report</p><p><b>Message</b> The requested resource [PATH] is not available</p><p><b>Description</b> The origin server did not find a current representation for the target resource or is not willing to disclose that one exists.</p>`
	pageTrace    = `<p><b>Type</b> Status Report</p><p><b>Message</b> TRACE method is not allowed</p><p><b>Description</b> The method received in the request-line is known by the origin server but not supported by the target resource.</p>`
	pageTooLarge = `<p><b>Type</b> Exception Report</p><p><b>Message</b> Request header is too large</p><p><b>Description</b> The server cannot or will not process the request due to something that is perceived to be a client error (e.g., malformed request syntax, invalid request message framing, or deceptive request routing).</p><p><b>Exception</b></p><pre>java.lang.IllegalArgumentException: Request header is too large
	org.apache.coyote.http11.Http11InputBuffer.fill(Http11InputBuffer.java:773)
	org.apache.coyote.http11.Http11InputBuffer.parseRequestLine(Http11InputBuffer.java:445)
	org.apache.coyote.http11.Http11Processor.service(Http11Processor.java:281)
	org.apache.coyote.AbstractProcessorLight.process(AbstractProcessorLight.java:71)
	org.apache.coyote.AbstractProtocol$ConnectionHandler.process(AbstractProtocol.java:1307)
	org.apache.tomcat.util.net.NioEndpoint$SocketProcessor.doRun(NioEndpoint.java:2197)
	org.apache.tomcat.util.net.SocketProcessorBase.run(SocketProcessorBase.java:74)
	org.apache.tomcat.util.threads.ThreadPoolExecutor.runWorker(ThreadPoolExecutor.java:976)
	org.apache.tomcat.util.threads.ThreadPoolExecutor$Worker.run(ThreadPoolExecutor.java:494)
	org.apache.tomcat.util.threads.TaskThread$WrappingRunnable.run(TaskThread.java:80)
	java.base&#47;java.lang.Thread.run(Thread.java:840)
</pre><p><b>Note</b> The full stack trace of the root cause is available in the server logs.</p>`
)

func (x *exchange) page(status int, content string) {
	title := strconv.Itoa(status) + " – " + http.StatusText(status)
	path := strings.ReplaceAll(htmlEscapes.Replace(x.r.URL.Path), "/", "&#47;")
	text := strings.ReplaceAll(pageHead, "STATUS", title) + strings.ReplaceAll(content, "PATH", path) + pageFoot
	if status == http.StatusNotFound {
		x.set("X-Frame-Options", "SAMEORIGIN")
	}
	if status == http.StatusMethodNotAllowed {
		x.set("Allow", "OPTIONS")
	}
	if closing(status) {
		x.set("Connection", "close")
	}
	x.set("Content-Type", "text/html;charset=utf-8")
	x.set("Content-Language", "en")
	x.set("Content-Length", strconv.Itoa(len(text)))
	x.w.WriteHeader(status)
	_, _ = x.w.Write([]byte(text)) // the client may be gone
}
