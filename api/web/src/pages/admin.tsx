// The way to the console. It is loaded when an admin asks for it.
import { Account, Failed, Loading, Missing, useLoaded, useTitle } from "./parts";
import { t } from "../words";

export function AdminPage({ path }: { path: string }) {
  return (
    <Account title={t("admin.title")} lead={t("admin.login")}>
      {(who) => who.role === "admin" ? <Loaded path={path} me={who.id} /> : <Missing />}
    </Account>
  );
}

function Loaded({ path, me }: { path: string; me: number }) {
  useTitle(t("admin.title"));
  const { value, failed } = useLoaded("console", () => import("../admin/console"));
  if (failed.value) return <Failed err={failed.value} retry={() => location.reload()} />; // another version may be here by now
  if (!value.value) return <Loading />;
  return <value.value.Console path={path} me={me} />;
}
