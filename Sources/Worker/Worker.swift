// The Worker room.
