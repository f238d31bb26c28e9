package api

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// replaceBody answers something else on a path.
func replaceBody(end, body string) func(string, *http.Response) {
	return func(path string, r *http.Response) {
		if strings.HasSuffix(path, end) {
			r.Body = io.NopCloser(strings.NewReader(body))
		}
	}
}

func rewriteGrant(path string, r *http.Response, how func(map[string]any)) {
	if !strings.HasSuffix(path, "/token") {
		return
	}
	var grant map[string]any
	if json.NewDecoder(r.Body).Decode(&grant) == nil {
		how(grant)
	}
	body, _ := json.Marshal(grant) // it has just been read
	r.Body = io.NopCloser(strings.NewReader(string(body)))
}

func dropToken(path string, r *http.Response) {
	rewriteGrant(path, r, func(grant map[string]any) { delete(grant, "id_token") })
}

// replaceInToken changes a claim. Nobody signs it again.
func replaceInToken(t *testing.T, name, value string) func(string, *http.Response) {
	return func(path string, r *http.Response) {
		rewriteGrant(path, r, func(grant map[string]any) {
			token, _ := grant["id_token"].(string)
			parts := strings.Split(token, ".")
			if len(parts) != 3 {
				return
			}
			raw, err := base64.RawURLEncoding.DecodeString(parts[1])
			var claims map[string]any
			if err == nil {
				err = json.Unmarshal(raw, &claims)
			}
			if err != nil {
				t.Error(err)
			}
			claims[name] = value
			raw, err = json.Marshal(claims)
			if err != nil {
				t.Error(err)
			}
			parts[1] = base64.RawURLEncoding.EncodeToString(raw)
			grant["id_token"] = strings.Join(parts, ".")
		})
	}
}
