package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync/atomic"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/maypok86/otter/v2"
	"github.com/prometheus/client_golang/prometheus"

	"ticketblue/api/pictures"
	"ticketblue/ticketing"
)

// Server is the public port.
type Server struct {
	Config
	app    *fiber.App
	router *router
	huma   huma.API
	limits limiters
	plans  *planCache
	edits  map[ticketing.Noun]*edits
	kept   *otter.Cache[question, wire] // answers of the catalogue

	keptReads *prometheus.CounterVec
	facts     *factsCache
	boards    *boards
	names     *namesCache // of campaigns
	drain     drain
	gaining   underway

	exports exportCount

	viewers *viewers
	nudges  *nudges // of inboxes

	pictures *pictures.Maker
	posters  *otter.Cache[string, []byte] // files by name: they never change

	conns atomic.Pointer[conns] // nil until Listen
}

// New makes a server with all its routes. It panics when a route has not said who may use it.
func New(config Config) *Server {
	if config.Log == nil {
		config.Log = slog.Default()
	}
	if config.Random == nil {
		config.Random = rand.IntN
	}
	if config.Metrics == nil {
		config.Metrics = prometheus.NewRegistry()
	}
	s := &Server{
		Config: config, plans: newPlanCache(), edits: newEdits(), facts: newFactsCache(), boards: newBoards(), names: newNamesCache(), drain: newDrain(),
		pictures: pictures.NewMaker(), posters: newPosterCache(),
	}
	s.kept, s.keptReads = s.newKept(), newKeptReads(config.Metrics)
	limits := config.Limits.withDefaults()
	s.limits, s.viewers = newLimiters(limits, config.Clock), newViewers(limits, config.Metrics)
	s.app = fiber.New(s.fiberConfig())
	s.app.Server().KeepHijackedConns = true // streams close their own
	s.app.Server().LazyRequestTime = true   // nobody asks for it
	s.app.Server().Handler = s.knownMethods(s.app.Server().Handler)
	s.app.Server().HeaderReceived = s.bodyLimits
	s.app.Use(s.front)
	s.router = newRouter(s, newRequestMetrics(config.Metrics))
	s.huma = s.newHuma()

	s.reservationRoutes() // first, for Fiber looks at routes one after the other and a rush is made of these
	s.accountRoutes()
	s.performanceRoutes()
	s.searchRoutes()
	s.posterRoutes()
	s.performanceAdminRoutes()
	s.performerRoutes()
	s.reviewRoutes()
	s.hallRoutes()
	s.planRoutes()
	s.roundRoutes()
	s.liveRoutes()
	s.roundAdminRoutes()
	s.myReservationRoutes()
	s.reservationSearchRoutes()
	s.reservationExportRoutes()
	s.campaignRoutes()
	s.couponRoutes()
	s.inboxRoutes()
	s.paymentRoutes()
	s.jobRoutes()
	s.checkoutRoutes()
	s.documentRoutes()
	s.pageRoutes()
	if config.Bench {
		s.benchRoutes()
	}
	s.router.seal()
	return s
}

// fiberConfig states every limit. Fiber has no time-outs of its own: without them two hundred slow writers of
// headers stay for ever. Without Immutable the strings of a request change under whoever still holds them once
// its handler has returned. Proxy headers are not trusted: the peer's address is the caller's.
func (s *Server) fiberConfig() fiber.Config {
	return fiber.Config{
		AppName:                      "ticketblue",
		Immutable:                    true,
		CaseSensitive:                true,
		StrictRouting:                true,
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		BodyLimit:                    MaxBodyBytes,
		ReadBufferSize:               MaxHeaderBytes,
		DisableStartupMessage:        true,
		DisablePreParseMultipartForm: true, // of any caller, before anybody has looked at who it is
		ErrorHandler: func(c *fiber.Ctx, err error) error {
			s.setHeaders(c) // fasthttp comes here directly when it cannot read a request
			if errors.Is(err, fiber.ErrRequestEntityTooLarge) {
				err = s.bodyTooLarge(&c.Request().Header)
			}
			s.fail(c, err)
			return nil
		},
	}
}

// App is the Fiber application, for tests that need to look inside.
func (s *Server) App() *fiber.App { return s.app }

// Listen serves until Shutdown; then it returns nil.
func (s *Server) Listen(ln net.Listener) error {
	conns := newConns(ln)
	s.conns.Store(conns)
	if s.drain.closing.Load() { // Shutdown came first and may not have seen the listener
		return ln.Close()
	}
	if err := s.app.Listener(conns); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serving HTTP: %w", err)
	}
	return nil
}

// Shutdown ends the streams of live maps, refuses what is new with 503, lets what is in flight finish, closes the
// listener and every connection, and returns. The error says that the context ended before all was finished.
func (s *Server) Shutdown(ctx context.Context) error {
	s.drain.closing.Store(true)
	s.endStreams(ctx)
	err := s.drain.wait(ctx)
	conns := s.conns.Load()
	if conns == nil {
		return err
	}
	conns.closeSilent()
	// Nobody is being served any more. What is left are answers on their way and requests that would be refused.
	grace, cancel := context.WithTimeout(ctx, closeGrace)
	defer cancel()
	if late := s.app.ShutdownWithContext(grace); late != nil {
		conns.closeAll()
	}
	_ = conns.Close() // again, unless Fiber had not begun to listen
	if err != nil {
		return fmt.Errorf("requests were still in flight: %w", err)
	}
	return nil
}

func (s *Server) endStreams(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, closeGrace)
	defer cancel()
	s.viewers.close(ctx)
}

func (s *Server) network(c *fiber.Ctx) (netip.Prefix, error) {
	return network(c.Context().RemoteAddr().String())
}
