package yamlfile

import (
	"bytes"
	"fmt"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// MaxDepth is how many values may lie within each other.
const MaxDepth = 64

// DepthError is more than MaxDepth values within each other: the first one too deep.
type DepthError struct{ Token *token.Token }

func (e *DepthError) Error() string {
	return fmt.Sprintf("more than %d values within each other", MaxDepth)
}

// mark is U+FEFF in UTF-8, with which Windows' editors begin a file; YAML allows it there (1.2.2, section 5.2).
var mark = []byte("\ufeff")

// Parse turns a panic of the library into an error. Nesting is limited before the parser sees it, whose time grows with its
// square: 50,000 brackets take it 14 s.
func Parse(content []byte) (file *ast.File, err error) {
	defer func() {
		if caught := recover(); caught != nil {
			file, err = nil, fmt.Errorf("this is not YAML: %v", caught)
		}
	}()
	tokens := lexer.Tokenize(string(bytes.TrimPrefix(content, mark)))
	if at := tooDeep(tokens); at != nil {
		return nil, &DepthError{at}
	}
	return parser.Parse(tokens, 0)
}

// tooDeep gives the token at which flow brackets, or the signs before one value, are nested too deeply. Blocks that are
// indented need no limit of their own: their depth is at most the root of the file's size.
func tooDeep(tokens token.Tokens) *token.Token {
	brackets, signs := 0, 0
	for i, tk := range tokens {
		switch tk.Type {
		case token.MappingStartType, token.SequenceStartType:
			brackets++
		case token.MappingEndType, token.SequenceEndType:
			brackets--
		case token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.TagType:
			signs++
		default:
			if i == 0 || tokens[i-1].Type != token.AnchorType { // an anchor's name
				signs = 0
			}
		}
		if brackets > MaxDepth || signs > MaxDepth {
			return tk
		}
	}
	return nil
}

// Anchors are the values that aliases may stand for, by the anchors' names.
func Anchors(body ast.Node) map[string]ast.Node {
	found := make(map[string]ast.Node)
	ast.Walk(anchors(found), body)
	return found
}

type anchors map[string]ast.Node

// Visit implements ast.Visitor.
func (a anchors) Visit(n ast.Node) ast.Visitor {
	if anchor, ok := n.(*ast.AnchorNode); ok && anchor.Name != nil {
		a[anchor.Name.GetToken().Value] = anchor.Value
	}
	return a
}
