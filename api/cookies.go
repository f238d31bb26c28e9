package api

import (
	"net/http"
	"strings"
	"time"
)

const (
	// refreshCookie holds the refresh token of a browser. No script can read it, it goes to nothing but the
	// operations of sessions, and with nothing that another site has begun.
	refreshCookie = "tb_refresh"
	refreshPath   = "/v1/auth"
	// kakaoCookie holds an attempt to log in at Kakao, sealed. It must come with a redirect from there, so it is Lax.
	kakaoCookie = "tb_kakao"
	kakaoPath   = "/v1/auth/kakao"
	// deviceCookie says, sealed, whose password was last right in this browser.
	deviceCookie = "tb_device"
	devicePath   = "/v1/auth/login"
)

// cookie is one of ours; an empty value takes it back.
func (s *Server) cookie(name, path, value string, life time.Duration, site http.SameSite) string {
	c := http.Cookie{
		Name: name, Value: value, Path: path, MaxAge: int(life / time.Second), HttpOnly: true, SameSite: site,
		Secure: strings.HasPrefix(s.PublicURL, "https://"),
	}
	if value == "" {
		c.MaxAge = -1
	}
	return c.String()
}

func (s *Server) refreshCookie(token string, until time.Time) string {
	return s.cookie(refreshCookie, refreshPath, token, until.Sub(s.Clock()), http.SameSiteStrictMode)
}
