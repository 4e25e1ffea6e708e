// Finds a node by the id that the server or the page has for it, wherever it is: at the top or inside subgraphs.

import { app } from "../../scripts/app.js";

// "12:5" is node 5 in the subgraph of node 12, as the server says it. Pages keep results by the id of the subgraph itself
// in place of a node, a UUID.
export function findNode(id) {
    const root = app.rootGraph ?? app.graph;
    const path = String(id).split(":");
    const last = path.pop();
    const graph = path.reduce((graph, part) => root?.subgraphs?.get(part) ?? graph?.getNodeById(part)?.subgraph, root);
    return graph?.getNodeById(last) ?? null;
}
