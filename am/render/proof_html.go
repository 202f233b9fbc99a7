package render

import (
	"bytes"
	_ "embed" // the page
	"fmt"
	"html/template"

	"github.com/amsql/steampipe-plugin-am/am/methods"
)

//go:embed page/proof.html
var proofHTML string

// proofPage is the data of the template.
type proofPage struct {
	*methods.Proof
	Record string
	Digest string
	Policy string
	CSS    template.CSS
}

// ProofHTML returns a proof as a self-contained page that runs nothing. The page contains the record from which its
// digest is computed.
func ProofHTML(proof *methods.Proof) ([]byte, error) {
	record, digest, err := proof.Record()
	if err != nil {
		return nil, err
	}
	t, err := template.New("proof").Funcs(template.FuncMap{"text": shown, "stamp": stamp}).Parse(proofHTML)
	if err != nil {
		return nil, err
	}
	var page bytes.Buffer
	err = t.Execute(&page, proofPage{
		Proof: proof, Record: string(record), Digest: digest, CSS: template.CSS(pageCSS), //nolint:gosec // it is ours
		Policy: fmt.Sprintf("default-src 'none'; style-src '%s'; base-uri 'none'; form-action 'none'", hash(pageCSS)),
	})
	return page.Bytes(), err
}

// Title returns the title of the page.
func (p proofPage) Title() string {
	if p.DryRun {
		return "Sessions that would be ended"
	}
	return "Proof of ended sessions"
}
