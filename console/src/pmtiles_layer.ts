// All tiles in one PMTiles file, which Patrol itself serves in parts: pictures, or vectors as OpenMapTiles and Protomaps name
// their layers. Loaded only where there is such a file.

import MVT from "ol/format/MVT";
import type BaseLayer from "ol/layer/Base";
import TileLayer from "ol/layer/Tile";
import VectorTileLayer from "ol/layer/VectorTile";
import type RenderFeature from "ol/render/Feature";
import type { StyleFunction } from "ol/style/Style";
import DataTileSource from "ol/source/DataTile";
import VectorTileSource from "ol/source/VectorTile";
import type Tile from "ol/Tile";
import TileState from "ol/TileState";
import type VectorTile from "ol/VectorTile";
import { createXYZ } from "ol/tilegrid";
import { type Header, PMTiles, TileType } from "pmtiles";
import { asBase } from "./tile_words";

const URL_OF_FILE = "/api/v1/map/pmtiles";

export async function pmtilesLayer(style: StyleFunction): Promise<BaseLayer> {
  const file = new PMTiles(new URL(URL_OF_FILE, location.href).href);
  const header = await file.getHeader();
  return header.tileType === TileType.Mvt ? vectors(file, header, style) : pictures(file, header);
}

function pictures(file: PMTiles, header: Header): BaseLayer {
  const source = new DataTileSource({
    minZoom: header.minZoom,
    maxZoom: header.maxZoom,
    loader: async (zoom, column, row) => {
      const tile = await file.getZxy(zoom, column, row);
      // A tile that is not there is clear.
      return tile === undefined ? document.createElement("canvas") : createImageBitmap(new Blob([tile.data]));
    },
  });
  return new TileLayer({ className: "ol-layer tiles", source });
}

function vectors(file: PMTiles, header: Header, style: StyleFunction): BaseLayer {
  const format = new MVT();
  const source = new VectorTileSource({
    format,
    url: "{z}/{x}/{y}",
    tileGrid: createXYZ({ minZoom: header.minZoom, maxZoom: header.maxZoom, tileSize: 512 }),
    tileLoadFunction: (tile, url) => load(file, format, tile as VectorTile<RenderFeature>, url),
  });
  return new VectorTileLayer({ source, declutter: true, style: (feature, resolution) => style(asBase(feature as RenderFeature), resolution) });
}

function load(file: PMTiles, format: MVT, tile: VectorTile<RenderFeature>, url: string): void {
  const [zoom = 0, column = 0, row = 0] = url.split("/").map(Number);
  tile.setLoader((extent, _resolution, projection) => {
    file.getZxy(zoom, column, row).then(
      (found) => tile.setFeatures(found === undefined ? [] : format.readFeatures(found.data, { extent, featureProjection: projection })),
      () => (tile as Tile).setState(TileState.ERROR),
    );
  });
}
