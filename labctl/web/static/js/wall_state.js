// The state that the wall shows of a channel.

import { keyOf } from "./live.js";

/**
 * Its own state; `offline` if its station is not heard of. A channel that stands idle after a run that somebody should look at
 * shows how that run ended, until he says that he does.
 */
export function shownState(channel, { live, lastRuns, notices }) {
  if (live.stations.get(channel.station)?.online === false) return "offline";
  if (channel.state !== "idle") return channel.state;
  const last = lastRuns.of(keyOf(channel));
  return last && notices.asksOf(channel.station, last.run) ? last.state : "idle";
}
