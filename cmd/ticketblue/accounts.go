package main

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"time"

	"ticketblue/api/auth"
	"ticketblue/api/auth/fakekakao"
)

const kakaoCallback = "/v1/auth/kakao/callback"

type kakaoFlags struct {
	ClientID string `name:"kakao-client-id" env:"TB_KAKAO_CLIENT_ID" placeholder:"ID" help:"REST API key of a Kakao application, for logging in by Kakao; its client secret is in TB_KAKAO_CLIENT_SECRET."`
	Fake     bool   `name:"fake-kakao" env:"TB_FAKE_KAKAO" help:"Have the fake Kakao although others than this machine can reach the service. It lets anybody in as anybody."`
}

// base is where browsers find this server, without a slash at the end.
func (n *node) base() string {
	if n.cmd.PublicURL != "" {
		return n.cmd.PublicURL
	}
	return "http://" + n.public.Addr().String()
}

// checkPublicURL wants an origin: cookies, links in mails and the check of origins rest on it.
func checkPublicURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || text != u.Scheme+"://"+u.Host {
		return errors.New("--public-url must be an origin such as https://tickets.example.com, without a path")
	}
	return nil
}

// kakao is the way to log in by Kakao: the real one where its keys are given, else the fake one where only this
// machine can reach it or somebody wants it all the same, else none.
func (n *node) kakao() (*auth.Kakao, *fakekakao.Kakao, error) {
	secret := os.Getenv("TB_KAKAO_CLIENT_SECRET")
	options := auth.KakaoOptions{
		Places: auth.RealKakao, ClientID: n.cmd.Kakao.ClientID, ClientSecret: secret,
		RedirectURL: n.base() + kakaoCallback, Key: n.store.tokens, Clock: time.Now,
	}
	var fake *fakekakao.Kakao
	switch {
	case options.ClientID != "" && n.cmd.Kakao.Fake:
		return nil, nil, errors.New("--kakao-client-id and --fake-kakao exclude each other")
	case options.ClientID != "" && secret == "":
		return nil, nil, errors.New("--kakao-client-id needs TB_KAKAO_CLIENT_SECRET")
	case options.ClientID != "":
	case n.cmd.Kakao.Fake || n.local():
		fake = fakekakao.New(kakaoCallback, time.Now)
		n.atStop("fake Kakao", func(context.Context) error { fake.Close(); return nil })
		options.Places, options.ClientID, options.ClientSecret = fakekakao.Places, fakekakao.ClientID, fakekakao.ClientSecret
		options.RedirectURL, options.Transport = kakaoCallback, fake
	default:
		return nil, nil, nil
	}
	real, err := auth.NewKakao(options)
	return real, fake, err
}

// local tells whether only this machine can reach the pages. A public address in front of a private port is public.
func (n *node) local() bool {
	listens, ok := n.public.Addr().(*net.TCPAddr)
	if !ok || !listens.IP.IsLoopback() {
		return false
	}
	if n.cmd.PublicURL == "" {
		return true
	}
	u, err := url.Parse(n.cmd.PublicURL)
	return err == nil && (u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback())
}

// tokens mints and verifies. What was revoked before a restart stays so: tokens outlive a process.
func (n *node) tokens(ctx context.Context) (*auth.Tokens, error) {
	tokens, err := auth.NewTokens(n.store.tokens, time.Now)
	if err != nil {
		return nil, err
	}
	withdrawn, err := n.store.WithdrawnSince(ctx, time.Now().Add(-auth.TokenLife))
	if err != nil {
		return nil, err
	}
	for _, user := range withdrawn {
		tokens.Revoke(user)
	}
	return tokens, nil
}
