// Work by the clock: what is due when, what became of it, and a way to start it.
import { ask, get } from "../api";
import { Failed, Loading, useLoaded } from "../pages/parts";
import { Button, Outcome, useDeed } from "../pages/forms";
import { dateTime, number, t, tMaybe } from "../words";

interface Run {
  id: number;
  by?: number;
  dry_run: boolean;
  state: "running" | "done";
  began_at: string;
  ended_at?: string;
  looked: number;
  done: number;
  kept: number;
  problem?: string;
}

interface Job {
  name: string;
  schedule: string;
  next_due: string;
  last?: Run;
}

const list = () => get<{ items: Job[] }>("/admin/jobs");

export function JobsPage() {
  const { value, failed, retry } = useLoaded("jobs", list), deed = useDeed();
  if (failed.value) return <Failed err={failed.value} retry={retry} />;
  if (!value.value) return <Loading />;
  const look = async () => { value.value = await list(); };
  const start = (name: string, dry: boolean) => void deed.run(async () => {
    await ask("POST", `/admin/jobs/${name}/runs`, { body: { dry_run: dry } });
    await look();
    return t("jobs.started");
  });
  return (
    <>
      <h1>{t("admin.jobs")}</h1>
      <p class="hint">{t("jobs.lead")}</p>
      <Outcome deed={deed} />
      <div class="card scroll">
        <table class="counts jobs">
          <thead><tr>
            <th scope="col">{t("jobs.name")}</th><th scope="col">{t("jobs.next")}</th><th scope="col">{t("jobs.last")}</th>
            <th scope="col">{t("jobs.looked")}</th><th scope="col">{t("jobs.done")}</th><th scope="col">{t("jobs.kept")}</th><th scope="col">{t("jobs.start")}</th>
          </tr></thead>
          <tbody>{value.value.items.map((job) => (
            <tr key={job.name}>
              <th scope="row">{tMaybe("job." + job.name) ?? job.name}<br /><small lang="en">{job.schedule}</small></th>
              <td data-of={t("jobs.next")}>{dateTime(job.next_due)}</td>
              <Last run={job.last} />
              <td>
                <Button off={deed.busy.value} onClick={() => start(job.name, true)}>{t("jobs.dry")}</Button>{" "}
                <Button off={deed.busy.value} onClick={() => start(job.name, false)}>{t("jobs.now")}</Button>
              </td>
            </tr>
          ))}</tbody>
        </table>
      </div>
      <p class="centered"><Button off={deed.busy.value} onClick={() => void deed.run(look)}>{t("jobs.look")}</Button></p>
    </>
  );
}

function Last({ run }: { run?: Run }) {
  if (!run) return <><td data-of={t("jobs.last")}>{t("jobs.never")}</td><td /><td /><td /></>;
  return (
    <>
      <td data-of={t("jobs.last")}>
        {dateTime(run.began_at)}<br />
        {run.state === "running" ? t("jobs.running") : t("jobs.ended")}{run.dry_run && ", " + t("jobs.dry")}
        {run.problem && <><br /><strong lang="en">{run.problem}</strong></>}
      </td>
      <td data-of={t("jobs.looked")}>{number(run.looked)}</td><td data-of={t("jobs.done")}>{number(run.done)}</td><td data-of={t("jobs.kept")}>{number(run.kept)}</td>
    </>
  );
}
