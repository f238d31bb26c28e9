-- +goose Up

-- A syllable can be written as one character or as its letters (Unicode NFC and NFD; a Mac's files have letters). Names
-- are kept in whole ones, whoever writes them, so that what is looked for in whole ones is found.
-- +goose StatementBegin
CREATE FUNCTION compose_name() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.name := normalize(NEW.name, NFC); RETURN NEW; END $$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION compose_title() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.title := normalize(NEW.title, NFC); RETURN NEW; END $$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION compose_address() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.address := normalize(NEW.address, NFC); RETURN NEW; END $$;
-- +goose StatementEnd
CREATE TRIGGER compose_name BEFORE INSERT OR UPDATE OF name ON users FOR EACH ROW WHEN (NEW.name IS NOT NORMALIZED) EXECUTE FUNCTION compose_name();
CREATE TRIGGER compose_name BEFORE INSERT OR UPDATE OF name ON halls FOR EACH ROW WHEN (NEW.name IS NOT NORMALIZED) EXECUTE FUNCTION compose_name();
CREATE TRIGGER compose_name BEFORE INSERT OR UPDATE OF name ON performers FOR EACH ROW WHEN (NEW.name IS NOT NORMALIZED) EXECUTE FUNCTION compose_name();
CREATE TRIGGER compose_title BEFORE INSERT OR UPDATE OF title ON performances FOR EACH ROW WHEN (NEW.title IS NOT NORMALIZED) EXECUTE FUNCTION compose_title();
CREATE TRIGGER compose_address BEFORE INSERT OR UPDATE OF address ON halls FOR EACH ROW WHEN (NEW.address IS NOT NORMALIZED) EXECUTE FUNCTION compose_address();

UPDATE users SET name = name WHERE name IS NOT NORMALIZED;
UPDATE halls SET name = name, address = address WHERE name IS NOT NORMALIZED OR address IS NOT NORMALIZED;
UPDATE performers SET name = name WHERE name IS NOT NORMALIZED;
UPDATE performances SET title = title WHERE title IS NOT NORMALIZED;

-- +goose Down
DROP TRIGGER compose_name ON users;
DROP TRIGGER compose_name ON halls;
DROP TRIGGER compose_name ON performers;
DROP TRIGGER compose_title ON performances;
DROP TRIGGER compose_address ON halls;
DROP FUNCTION compose_name, compose_title, compose_address;
