-- What the program's connections may do. Applied after every migration rather than once: roles belong to the
-- cluster, not to the database, so a database restored elsewhere comes without them.
DO $$
DECLARE
    app  constant text := 'ticketblue_app';
    here constant text := current_schema();
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = app) THEN
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', app);
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL; -- somebody else just did, in another database
            WHEN insufficient_privilege THEN
                RAISE WARNING 'user % may not create role %: nothing but the program keeps the journal from being changed', current_user, app;
                RETURN;
        END;
    END IF;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        BEGIN
            EXECUTE format('GRANT %I TO %I', app, current_user);
        EXCEPTION WHEN insufficient_privilege THEN
            RAISE WARNING 'user % may not become %: nothing but the program keeps the journal from being changed', current_user, app;
        END;
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', here, app);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO %I', here, app);
    EXECUTE format('GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA %I TO %I', here, app);
    -- Tables that other rooms' migrations add later (River's) are usable from the start.
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %I', here, app);
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO %I', here, app);
    EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON journal, audit_log, provider_log FROM %I', app);
    -- What is folded from the journal may be thrown away and made again.
    EXECUTE format('GRANT TRUNCATE ON reservations, reservation_seats, orders, round_states, coupons, campaign_states TO %I', app);
    EXECUTE format('GRANT TRUNCATE ON search_performance_a, search_performance_b, search_hall_a, search_hall_b, search_performer_a, search_performer_b TO %I', app);
    EXECUTE format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON goose_db_version FROM %I', app);
END $$;
