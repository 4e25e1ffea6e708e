// Finds a node by the id that the server or the frontend uses for it, at the top level or inside subgraphs.

import { app } from "../../scripts/app.js";

// In ids of the server, "12:5" is node 5 in the subgraph of node 12. In ids under which the frontend stores results,
// the first part is the id of the subgraph, a UUID, instead of the id of the subgraph node.
export function findNode(id) {
  const root = app.rootGraph ?? app.graph;
  const path = String(id).split(":");
  const last = path.pop();
  const graph = path.reduce((graph, part) => root?.subgraphs?.get(part) ?? graph?.getNodeById(part)?.subgraph, root);
  return graph?.getNodeById(last) ?? null;
}
