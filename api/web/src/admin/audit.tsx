// What admins did.
import { get, type Page } from "../api";
import { Failed, Loading, useLoaded } from "../pages/parts";
import { useDeed, Outcome } from "../pages/forms";
import { dateTime, t } from "../words";

interface Entry {
  id: number;
  at: string;
  user: number;
  operation: string;
  targets: Record<string, string>;
  status?: number;
}

const list = (after: string) => get<Page<Entry>>("/admin/audit?limit=50" + (after && "&after=" + after));

export function AuditPage() {
  const { value, failed, retry } = useLoaded("audit", () => list("")), deed = useDeed();
  if (failed.value) return <Failed err={failed.value} retry={retry} />;
  if (!value.value) return <Loading />;
  const page = value.value;
  const more = () => void deed.run(async () => {
    const next = await list(page.next!);
    value.value = { ...next, items: [...page.items, ...next.items] };
  });
  return (
    <>
      <h1>{t("admin.audit")}</h1>
      <p class="hint">{t("audit.lead")}</p>
      <div class="card scroll">
        <table class="counts audit">
          <thead><tr><th scope="col">{t("audit.at")}</th><th scope="col">{t("audit.who")}</th><th scope="col">{t("audit.what")}</th><th scope="col">{t("audit.target")}</th><th scope="col">{t("audit.status")}</th></tr></thead>
          <tbody>{page.items.map((e) => (
            <tr key={e.id}>
              <th scope="row">{dateTime(e.at)}</th><td>{e.user}</td><td>{e.operation}</td>
              <td>{Object.entries(e.targets).map(([name, of]) => `${name} ${of}`).join(", ")}</td><td>{e.status ?? t("audit.unknown")}</td>
            </tr>
          ))}</tbody>
        </table>
      </div>
      <Outcome deed={deed} />
      {page.next && <p class="centered"><button type="button" class="secondary" disabled={deed.busy.value} onClick={more}>{t("list.more")}</button></p>}
    </>
  );
}
